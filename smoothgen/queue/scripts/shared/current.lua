-- A job that started over is on its next attempt: what comes of a work item of an earlier one changes nothing.
-- USES: lives
local function current(job, attempt)
  local state = redis.call('HMGET', job, 'status', 'attempt')
  return lives(state[1]) and (state[2] or '0') == attempt
end
