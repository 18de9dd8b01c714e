#!lua flags=allow-oom
-- Says that a worker of a model lives. Answers {the time, how many workers live, which have been gone for long}.
-- USES: now
-- KEYS: workers, rates, served
-- ARGV: worker, rate, build, ttl_s
local time = now()
redis.call('ZADD', key.workers, time + arg.ttl_s, arg.worker)
if arg.rate ~= '' then redis.call('HSET', key.rates, arg.worker, arg.rate) end
redis.call('HSET', key.served, arg.worker, arg.build)
local gone = redis.call('ZRANGEBYSCORE', key.workers, '-inf', time - arg.ttl_s)
return {string.format('%.6f', time), redis.call('ZCOUNT', key.workers, time, '+inf'), gone}
