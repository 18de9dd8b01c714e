#!lua flags=allow-oom
-- Says that jobs run and how many samples of their selections are drawn (-1: not a selection). Answers the numbers of
-- the jobs that have ended, or started over, meanwhile.
-- USES: current
-- KEYS: jobs*{job}
-- ARGV: jobs*{attempt drawn}
local ended = {}
for i, job in ipairs(KEYS) do
  local attempt, drawn = ARGV[2 * i - 1], ARGV[2 * i]
  if not current(job, attempt) then
    ended[#ended + 1] = i
  else
    redis.call('HSET', job, 'status', 'running')
    if tonumber(drawn) >= 0 and redis.call('HEXISTS', job, 'opening') == 0 then
      redis.call('HSET', job, 'done', drawn)
    end
  end
end
return ended
