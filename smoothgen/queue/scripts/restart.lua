#!lua flags=allow-oom
-- Starts a job over from its selection: what it had is discarded, and what comes of its earlier work items changes
-- nothing. Answers 'restarted', 'void' (another call was first, or the job has ended), 'spent' (it has started over too
-- often) or 'bound' (it may run under one build only). The last two change nothing.
-- USES: current, share, charge
-- KEYS: job, stream, openings, backlog, accounts, distances, runs, pictures, samples
-- ARGV: group, entry, job_id, attempt, samples_to_draw, most_restarts, batch_limit
if not current(key.job, arg.attempt) then  -- ended, gone, or started over already
  acknowledge(key.stream, arg.group, arg.entry)
  return 'void'
end
local job = redis.call('HMGET', key.job, 'opening', 'restarts', 'owed', 'total', 'tenant')
if not job[1] then return 'bound' end  -- named a build before its selection: it has no other to start over under
if arg.batch_limit ~= '' then
  redis.call('HSET', key.job, 'batch_limit', arg.batch_limit)
elseif tonumber(job[2] or 0) >= tonumber(arg.most_restarts) then
  return 'spent'
else
  redis.call('HINCRBY', key.job, 'restarts', 1)
end
local attempt = redis.call('HINCRBY', key.job, 'attempt', 1)
-- Nothing of what was drawn is kept: all of the job is owed again.
local more = tonumber(job[4]) - tonumber(job[3] or 0)
redis.call('INCRBY', key.backlog, more)
charge(key.accounts, job[5] .. ' samples', more)
redis.call('HSET', key.job, 'owed', job[4], 'status', 'queued', 'done', 0)
redis.call('HDEL', key.job, 'opening', 'build', 'batch_size', 'output', 'device_s', 'stored', 'posted', 'look_end',
  'chunk', 'radius', 'w1_bound', 'failure')
redis.call('DEL', key.distances, key.runs, key.pictures, key.samples)
put(key.openings, job[5], arg.job_id, -1, arg.samples_to_draw, attempt)
acknowledge(key.stream, arg.group, arg.entry)
return 'restarted'
