#!lua flags=allow-oom
-- Goes on to the next look: posts its first chunks.
-- USES: current, share, post
-- KEYS: job, stream, chunks
-- ARGV: group, entry, job_id, look, following, chunk, window, radius, w1_bound, attempt
if current(key.job, arg.attempt) and redis.call('HGET', key.job, 'look_end') == arg.look then
  redis.call('HSET', key.job, 'look_end', arg.following, 'chunk', arg.chunk,
    'radius', arg.radius, 'w1_bound', arg.w1_bound)
  post(key.job, key.chunks, arg.job_id, tonumber(arg.window))
end
acknowledge(key.stream, arg.group, arg.entry)
return 1
