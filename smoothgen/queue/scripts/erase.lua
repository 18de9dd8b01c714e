#!lua flags=allow-oom
-- Deletes what an ended job keeps of its prompt and output. Answers which gateways were told of its end.
-- USES: lives
-- KEYS: job, asked, samples, runs, pictures
-- ARGV: view
local status = redis.call('HGET', key.job, 'status')
if status and not lives(status) then redis.call('HSET', key.job, 'view', arg.view) end
redis.call('DEL', key.asked, key.samples, key.runs, key.pictures)
return redis.call('HGET', key.job, 'watchers') or ''
