#!lua flags=allow-oom
-- Deletes what an ended job keeps of its prompt and output, and marks it as erased. Answers which gateways were told of its end.
-- USES: lives
-- KEYS: job, asked, samples, runs, outputs, pictures
-- ARGV: view
local status = redis.call('HGET', key.job, 'status')
if status and not lives(status) then redis.call('HSET', key.job, 'view', arg.view, 'erased', '1') end
redis.call('DEL', key.asked, key.samples, key.runs, key.outputs, key.pictures)
return redis.call('HGET', key.job, 'watchers') or ''
