#!lua flags=allow-oom
-- Forgets a receiver of webhooks, and what was to be sent to it. Answers 1, or 0 where its tenant has no such one.
-- KEYS: receivers, receiver, all, messages, tries, due, leases
-- ARGV: id
if redis.call('SREM', key.receivers, arg.id) == 0 then return 0 end
redis.call('SREM', key.all, arg.id)
redis.call('DEL', key.receiver, key.messages, key.tries)
redis.call('ZREM', key.due, arg.id)
redis.call('HDEL', key.leases, arg.id)
return 1
