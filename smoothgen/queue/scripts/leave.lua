#!lua flags=allow-oom
-- Says that a request attends a job no longer.
-- KEYS: attended
-- ARGV: attendant
return redis.call('ZREM', key.attended, arg.attendant)
