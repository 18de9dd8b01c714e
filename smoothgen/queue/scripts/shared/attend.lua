-- A job whose request said so ends when all requests that attend it have gone away. Each attends it for some seconds
-- from when it last said so, since the gateway that would say that it left may have died.
-- USES: now
local function attend(attended, attendant, seconds)
  redis.call('ZADD', attended, now() + seconds, attendant)
  redis.call('EXPIRE', attended, seconds)
end
local function is_attended(attended)
  return redis.call('ZCOUNT', attended, now(), '+inf') > 0
end
