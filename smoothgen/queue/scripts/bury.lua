#!lua flags=allow-oom
-- Keeps the id of a job that is given up, and why. A full Redis takes it, too: a worker that could not bury a job would
-- hold it, and stand still, until there is room.
-- KEYS: dead
-- ARGV: letters_kept, job_id, detail
return redis.call('XADD', key.dead, 'MAXLEN', '~', arg.letters_kept, '*', 'job', arg.job_id, 'detail', arg.detail)
