#!lua flags=allow-oom
-- Drops a work item of a job that is gone.
-- USES: current, share
-- KEYS: stream
-- ARGV: group, entry
acknowledge(key.stream, arg.group, arg.entry)
return 1
