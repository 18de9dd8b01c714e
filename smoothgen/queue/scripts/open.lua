#!lua flags=allow-oom
-- Stores what a selection fixed (the hash field 'opening'), and posts the first chunks.
-- USES: current, share, pay, post
-- KEYS: job, stream, backlog, accounts, samples, outputs, chunks
-- ARGV: group, entry, job_id, generations, window, sheet, made, attempt, fields**
if current(key.job, arg.attempt) and redis.call('HEXISTS', key.job, 'opening') == 0 then
  redis.call('HSET', key.job, unpack(ARGV, arg.fields_at))
  pay(key.job, key.backlog, key.accounts, tonumber(arg.generations))
  if arg.sheet ~= '' then redis.call('SET', key.samples, arg.sheet) end  -- FINISH says how long it is kept
  if arg.made ~= '' then redis.call('HSET', key.outputs, 'selection', arg.made) end
  post(key.job, key.chunks, arg.job_id, tonumber(arg.window))
end
-- Acknowledge in the step that stores the outcome: a crash before it repeats work, never loses it.
acknowledge(key.stream, arg.group, arg.entry)
return 1
