#!lua flags=allow-oom
-- Stores a chunk's distances once, under its first index, and with them words and pictures of its runs where it has any.
-- Answers
-- {'ended'}, {'stored'}, or to whoever completes the look {'look', its samples, seconds of compute, last failure, all
-- distances by first index, all words by first index}.
-- USES: current, share, pay, post
-- KEYS: job, stream, backlog, accounts, distances, runs, pictures, chunks
-- ARGV: group, entry, job_id, first, count, packed, words, device_s, failure, attempt, kept**
if not current(key.job, arg.attempt) then
  acknowledge(key.stream, arg.group, arg.entry)
  return {'ended'}
end
if redis.call('HSETNX', key.distances, arg.first, arg.packed) == 1 then
  if arg.words ~= '' then redis.call('HSET', key.runs, arg.first, arg.words) end
  if arg.kept_at <= #ARGV then redis.call('HSET', key.pictures, unpack(ARGV, arg.kept_at)) end
  redis.call('HINCRBY', key.job, 'stored', arg.count)
  redis.call('HINCRBY', key.job, 'done', arg.count)
  redis.call('HINCRBYFLOAT', key.job, 'device_s', arg.device_s)
  if arg.failure ~= '' then redis.call('HSET', key.job, 'failure', arg.failure) end
  pay(key.job, key.backlog, key.accounts, tonumber(arg.count))
  post(key.job, key.chunks, arg.job_id, 1)
end
local job = redis.call('HMGET', key.job, 'stored', 'look_end', 'device_s', 'failure')
if tonumber(job[1]) < tonumber(job[2]) then
  acknowledge(key.stream, arg.group, arg.entry)
  return {'stored'}
end
-- The look is complete, and this work item is kept until the look has been taken: should the worker die now, another
-- worker is given the work item, finds its distances stored, and takes the look.
return {'look', tonumber(job[2]), job[3], job[4] or '', redis.call('HGETALL', key.distances),
  redis.call('HGETALL', key.runs)}
