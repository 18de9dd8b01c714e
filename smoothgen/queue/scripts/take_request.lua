#!lua flags=allow-oom
-- Takes a request from a key's token bucket. Answers {1 or 0 where there was none, whole requests left, seconds until
-- there is one more}.
-- USES: now
-- KEYS: bucket
-- ARGV: most, window_s
local most, at = tonumber(arg.most), now()
local a_second = most / tonumber(arg.window_s)
local bucket = redis.call('HMGET', key.bucket, 'left', 'at')
local passed = math.max(0, at - tonumber(bucket[2] or at))
local left = math.min(most, tonumber(bucket[1] or most) + passed * a_second)
local granted = left >= 1
if granted then left = left - 1 end
redis.call('HSET', key.bucket, 'left', string.format('%.9f', left), 'at', string.format('%.6f', at))
redis.call('EXPIRE', key.bucket, math.ceil((most - left) / a_second) + 1)  -- a full bucket need not be kept
return {granted and 1 or 0, math.floor(left), math.ceil((1 - left % 1) / a_second)}
