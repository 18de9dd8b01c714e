-- Work waits in a list of its tenant's own while its stream holds all that the workers will do in the next moments, and
-- tenants take turns, by samples (start-time fair queueing): a stream is served in order, so whoever put a thousand
-- work items into it would stand before everybody. docs/decisions/0017.
--
-- Beside a stream, under its name:
--   :share             a hash of `held` (samples of the work items in the stream), `waiting` (how many work items wait
--                      in the tenants' lists), `clock` (the turn reached) and `after {tenant}` (the turn after a
--                      tenant's last work item)
--   :turns             a sorted set of the tenants whose work items wait, by their turn
--   :waiting:{tenant}  the list of those work items, each "job first count attempt since_ms"
-- USES: current
local AHEAD_S, ITEMS_A_WORKER, MOST_DROPPED = 2, 2, 256
local function of_model(stream, name)
  return string.match(stream, '^[^}]*}:') .. name
end
local function has_room(stream)
  local held = tonumber(redis.call('HGET', stream .. ':share', 'held') or 0)
  local length = redis.call('XLEN', stream)
  if length == 0 and held ~= 0 then redis.call('HSET', stream .. ':share', 'held', 0) end
  local workers = redis.call('ZCARD', of_model(stream, 'workers'))
  if length < ITEMS_A_WORKER * math.max(1, workers) then return true end
  local rate = 0
  for _, each in ipairs(redis.call('HVALS', of_model(stream, 'rates'))) do rate = rate + tonumber(each) end
  return held < AHEAD_S * rate
end
local function add(stream, id, first, count, attempt)
  redis.call('XADD', stream, '*', 'job', id, 'first', first, 'count', count, 'attempt', attempt)
  redis.call('HINCRBY', stream .. ':share', 'held', count)
end
-- Whoever acknowledges a work item or looks for one makes this call, so what is not let in now is soon. Work items of
-- jobs that ended meanwhile are dropped, some at a time: a script with thousands to drop would hold everybody up.
local function release(stream)
  local turns, share, dropped = stream .. ':turns', stream .. ':share', 0
  local following = redis.call('ZRANGE', turns, 0, 0, 'WITHSCORES')
  while #following > 0 and dropped < MOST_DROPPED and has_room(stream) do
    local tenant, turn = following[1], tonumber(following[2])
    local waiting = stream .. ':waiting:' .. tenant
    local item = redis.call('LPOP', waiting)
    if item then
      redis.call('HINCRBY', share, 'waiting', -1)
      local id, first, count, attempt = string.match(item, '^(%S+) (%S+) (%S+) (%S+) %S+$')
      if current(of_model(stream, 'job:' .. id), attempt) then
        add(stream, id, first, count, attempt)
        redis.call('HSET', share, 'clock', turn, 'after ' .. tenant, turn + count)
        redis.call('ZADD', turns, turn + count, tenant)
      else
        dropped = dropped + 1
      end
    end
    if redis.call('LLEN', waiting) == 0 then redis.call('ZREM', turns, tenant) end
    following = redis.call('ZRANGE', turns, 0, 0, 'WITHSCORES')
  end
end
local function put(stream, tenant, id, first, count, attempt)
  local turns, share = stream .. ':turns', stream .. ':share'
  if redis.call('EXISTS', turns) == 0 and has_room(stream) then
    add(stream, id, first, count, attempt)
    return
  end
  local time = redis.call('TIME')
  local since_ms = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
  redis.call('RPUSH', stream .. ':waiting:' .. tenant, table.concat({id, first, count, attempt, since_ms}, ' '))
  redis.call('HINCRBY', share, 'waiting', 1)
  -- Not before the turn after its last work item: a tenant whose list was empty for a moment would come first again.
  local reached = redis.call('HMGET', share, 'clock', 'after ' .. tenant)
  redis.call('ZADD', turns, 'NX', math.max(tonumber(reached[1] or 0), tonumber(reached[2] or 0)), tenant)
  release(stream)
end
local function acknowledge(stream, group, entry)
  redis.call('XACK', stream, group, entry)
  local found = redis.call('XRANGE', stream, entry, entry)[1]
  if found then
    redis.call('XDEL', stream, entry)
    redis.call('HINCRBY', stream .. ':share', 'held', -tonumber(found[2][6]))
    release(stream)
    if redis.call('XLEN', stream) == 0 then redis.call('DEL', stream .. ':share') end
  end
end
