#!lua flags=allow-oom
-- Ends the lease of a receiver of webhooks: it is due when the first of its messages is.
-- KEYS: messages, due, leases
-- ARGV: id
redis.call('HDEL', key.leases, arg.id)
local first = redis.call('ZRANGE', key.messages, 0, 0, 'WITHSCORES')
if #first > 0 then redis.call('ZADD', key.due, first[2], arg.id) else redis.call('ZREM', key.due, arg.id) end
return 1
