-- Writes something that a Redis refuses which is full, or a replica, or may not write its data down.
-- KEYS: probe
-- ARGV:
redis.call('SET', key.probe, 'ready', 'PX', 60000)
return 1
