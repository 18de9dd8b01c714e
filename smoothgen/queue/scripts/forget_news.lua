#!lua flags=allow-oom
-- Deletes the news of a job that a gateway has not read, which may hold the job's output.
-- KEYS: replies
-- ARGV: job_id
for _, entry in ipairs(redis.call('XRANGE', key.replies, '-', '+')) do
  for field = 1, #entry[2], 2 do
    if entry[2][field] == 'job' and entry[2][field + 1] == arg.job_id then redis.call('XDEL', key.replies, entry[1]) end
  end
end
return 1
