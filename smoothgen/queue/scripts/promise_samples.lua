-- Counts the samples of a job once, where they fit into the key's quota of this window of time. Answers {1 or 0 where
-- they do not, samples left, seconds until the next window}.
-- KEYS: quota
-- ARGV: job_id, samples, most, window_s
local seconds, window_s = tonumber(redis.call('TIME')[1]), tonumber(arg.window_s)
local window = string.format('%d of %d', math.floor(seconds / window_s), window_s)
local more_in_s = window_s - seconds % window_s
if redis.call('HGET', key.quota, 'window') ~= window then
  redis.call('DEL', key.quota)
  redis.call('HSET', key.quota, 'window', window, 'promised', 0)
  redis.call('EXPIRE', key.quota, more_in_s)
end
local promised, asked = tonumber(redis.call('HGET', key.quota, 'promised')), tonumber(arg.samples)
local known = redis.call('HEXISTS', key.quota, 'job ' .. arg.job_id) == 1  -- the answer to the first try was lost
if not known then
  if promised + asked > tonumber(arg.most) then return {0, tonumber(arg.most) - promised, more_in_s} end
  redis.call('HSET', key.quota, 'job ' .. arg.job_id, asked)
  promised = redis.call('HINCRBY', key.quota, 'promised', asked)
end
return {1, tonumber(arg.most) - promised, more_in_s}
