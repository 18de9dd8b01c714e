#!lua flags=allow-oom
-- Takes back what a job was promised of a key's quota, once: what is taken back is forgotten.
-- KEYS: quota
-- ARGV: job_id
local samples = redis.call('HGET', key.quota, 'job ' .. arg.job_id)
if samples then
  redis.call('HDEL', key.quota, 'job ' .. arg.job_id)
  redis.call('HINCRBY', key.quota, 'promised', -tonumber(samples))
end
return 1
