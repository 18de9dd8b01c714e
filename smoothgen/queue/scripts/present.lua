#!lua flags=allow-oom
-- Answers the live workers of a model: for each, in how many seconds it counts as gone, its rate, and its build (nil:
-- it did not say).
-- USES: now
-- KEYS: workers, rates, served
-- ARGV:
local time, present = now(), {}
local live = redis.call('ZRANGEBYSCORE', key.workers, time, '+inf', 'WITHSCORES')
for i = 1, #live, 2 do
  local rate = tonumber(redis.call('HGET', key.rates, live[i]) or 0) or 0
  local build = redis.call('HGET', key.served, live[i])
  present[#present + 1] = {string.format('%.3f', live[i + 1] - time), string.format('%.17g', rate), build}
end
return present
