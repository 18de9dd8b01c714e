#!lua flags=allow-oom
-- Stores what became of a message that was sent. Nothing is stored of a receiver that was removed meanwhile.
-- USES: now
-- KEYS: receiver, messages, tries
-- ARGV: message, outcome, again_s, failure
if redis.call('EXISTS', key.receiver) == 0 then return 0 end
local time = now()
if arg.outcome == 'delivered' then
  redis.call('HSET', key.receiver, 'delivered_s', string.format('%.3f', time))
  redis.call('HDEL', key.receiver, 'failure')
else
  redis.call('HSET', key.receiver, 'failure', arg.failure)
end
if arg.outcome == 'again' and redis.call('ZSCORE', key.messages, arg.message) then
  local tries, since = string.match(redis.call('HGET', key.tries, arg.message) or '', '^(%d+) (%S+)$')
  redis.call('HSET', key.tries, arg.message, (tries or 0) + 1 .. ' ' .. (since or string.format('%.3f', time)))
  redis.call('ZADD', key.messages, time + arg.again_s, arg.message)
else
  redis.call('ZREM', key.messages, arg.message)
  redis.call('HDEL', key.tries, arg.message)
end
if arg.outcome == 'disable' then
  redis.call('HSET', key.receiver, 'disabled', 1, 'reason', arg.failure)
  redis.call('DEL', key.messages, key.tries)
end
return 1
