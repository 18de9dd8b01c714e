#!lua flags=allow-oom
-- Leases the receiver of webhooks that has waited longest, and answers {its id, its record as names and values,
-- messages, each with how often it was tried and since when (Unix seconds)}; false where nothing is due. The lease is
-- also when the receiver is due again, should the gateway that holds it die.
-- USES: webhook
-- KEYS: due, leases
-- ARGV: lease_s, most
local time = now()
local id = redis.call('ZRANGEBYSCORE', key.due, '-inf', time, 'LIMIT', 0, 1)[1]
if not id then return false end
local found = redis.call('ZRANGEBYSCORE', of_receiver(key.due, 'messages', id), '-inf', time, 'LIMIT', 0, arg.most)
local messages = {}
for _, message in ipairs(found) do
  local tried = redis.call('HGET', of_receiver(key.due, 'tries', id), message)
  local tries, since = string.match(tried or '', '^(%d+) (%S+)$')
  messages[#messages + 1] = {message, tonumber(tries or 0), since or string.format('%.3f', time)}
end
redis.call('ZADD', key.due, time + arg.lease_s, id)
redis.call('HSET', key.leases, id, time + arg.lease_s)
return {id, redis.call('HGETALL', of_receiver(key.due, 'receiver', id)), messages, string.format('%.3f', time)}
