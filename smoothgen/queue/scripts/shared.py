"""What the Lua scripts share: how one is kept, and the steps that several of them take."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Final


@dataclass(frozen=True)
class Script:
    """A Lua script and the name Redis keeps it under. `replicated`: its answer counts once replicas have what it wrote,
    where the operator asked for that."""

    text: str
    replicated: bool = False

    @cached_property
    def sha(self) -> str:
        """SHA-1, as EVALSHA wants it."""
        return hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()


# Work that was accepted must also be finished by a full Redis: ending jobs is how it empties. Only SUBMIT is refused.
EVEN_WHEN_FULL: Final = "#!lua flags=allow-oom\n"

LIVES: Final = """
local function lives(status)
  return status == 'queued' or status == 'running'
end
"""

# A job that started over is on its next attempt: what comes of a piece of an earlier one changes nothing.
CURRENT: Final = (
    LIVES
    + """
local function current(job, attempt)
  local state = redis.call('HMGET', job, 'status', 'attempt')
  return lives(state[1]) and (state[2] or '0') == attempt
end
"""
)

# Work waits in a list of its tenant's own while its stream holds all that the workers will do in the next moments, and
# tenants take turns, by samples (start-time fair queueing): a stream is served in order, so whoever put a thousand
# pieces into it would stand before everybody. docs/decisions/0017.
#
# Beside a stream, under its name: `:share`, a hash of `held` (samples of the pieces in the stream), `waiting` (pieces
# in the tenants' lists), `clock` (the turn reached) and `after {tenant}` (the turn after a tenant's last piece);
# `:turns`, a sorted set of tenants whose pieces wait, by their turn; `:waiting:{tenant}`, those pieces, "job first
# count attempt since_ms".
SHARE: Final = """
local AHEAD_S, PIECES_A_WORKER, MOST_DROPPED = 2, 2, 256
local function of_model(stream, name)
  return string.match(stream, '^[^}]*}:') .. name
end
local function has_room(stream)
  local held = tonumber(redis.call('HGET', stream .. ':share', 'held') or 0)
  local length = redis.call('XLEN', stream)
  if length == 0 and held ~= 0 then redis.call('HSET', stream .. ':share', 'held', 0) end
  local workers = redis.call('ZCARD', of_model(stream, 'workers'))
  if length < PIECES_A_WORKER * math.max(1, workers) then return true end
  local rate = 0
  for _, each in ipairs(redis.call('HVALS', of_model(stream, 'rates'))) do rate = rate + tonumber(each) end
  return held < AHEAD_S * rate
end
local function add(stream, id, first, count, attempt)
  redis.call('XADD', stream, '*', 'job', id, 'first', first, 'count', count, 'attempt', attempt)
  redis.call('HINCRBY', stream .. ':share', 'held', count)
end
-- Whoever acknowledges a piece or looks for one makes this call, so what is not let in now is soon. Pieces of jobs that
-- ended meanwhile are dropped, some at a time: a script with thousands to drop would hold everybody up.
local function release(stream)
  local turns, share, dropped = stream .. ':turns', stream .. ':share', 0
  local following = redis.call('ZRANGE', turns, 0, 0, 'WITHSCORES')
  while #following > 0 and dropped < MOST_DROPPED and has_room(stream) do
    local tenant, turn = following[1], tonumber(following[2])
    local waiting = stream .. ':waiting:' .. tenant
    local piece = redis.call('LPOP', waiting)
    if piece then
      redis.call('HINCRBY', share, 'waiting', -1)
      local id, first, count, attempt = string.match(piece, '^(%S+) (%S+) (%S+) (%S+) %S+$')
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
  -- Not before the turn after its last piece: a tenant whose list was empty for a moment would come first again.
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
"""

# What jobs that have not ended owe in samples and hold in bytes: "{tenant} samples", "{tenant} bytes", "* bytes".
CHARGE: Final = """
local function charge(accounts, field, amount)
  if amount ~= 0 and redis.call('HINCRBY', accounts, field, amount) == 0 then redis.call('HDEL', accounts, field) end
end
"""

# Samples that are done are no longer owed: neither by the job, nor by its tenant, nor by the model.
PAY: Final = (
    CHARGE
    + """
local function pay(job, backlog, accounts, count)
  local about = redis.call('HMGET', job, 'owed', 'tenant')
  local paid = math.min(tonumber(about[1] or 0), count)
  if paid > 0 then
    redis.call('HINCRBY', job, 'owed', -paid)
    redis.call('DECRBY', backlog, paid)
    charge(accounts, about[2] .. ' samples', -paid)
  end
end
"""
)

# A job has at most `window` chunks in the stream, so that a large one shares the workers with those that come after it.
# Where its batches are fixed, chunks end with a whole block wherever a look does not end before: a block cut in two is
# computed twice.
POST: Final = """
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
"""
