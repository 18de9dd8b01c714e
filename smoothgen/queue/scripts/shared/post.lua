-- Posts up to `chunks` further chunks of a job's look. A job has at most `window` chunks in the stream, so that a large
-- job shares the workers with those that come after it. Where its batches are fixed, a chunk ends with a whole block
-- unless the look ends before: a block cut in two is computed twice.
-- USES: share
local function post(job, stream, id, chunks)
  local plan = redis.call('HMGET', job, 'posted', 'look_end', 'chunk', 'batch_size', 'attempt', 'tenant')
  local posted, look_end, chunk = tonumber(plan[1]), tonumber(plan[2]), tonumber(plan[3])
  local block = tonumber(plan[4] or 1)
  while chunks > 0 and posted < look_end do
    local count = math.min(chunk - posted % block, look_end - posted)
    put(stream, plan[6], id, posted, count, plan[5] or 0)
    posted, chunks = posted + count, chunks - 1
  end
  redis.call('HSET', job, 'posted', posted)
end
