#!lua flags=allow-oom
-- Writes something that says nothing, after everything that was written before.
-- KEYS: probe
-- ARGV:
redis.call('SET', key.probe, 'replicated', 'PX', 60000)
return 1
