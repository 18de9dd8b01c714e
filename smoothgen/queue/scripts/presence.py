"""Who is alive, as Lua. Every time is Redis's own, and every step is taken by a full Redis too: a worker that could not
say that it lives would be taken for dead, and ending jobs is how a full Redis empties."""

from __future__ import annotations

from typing import Final

from smoothgen.queue.scripts.shared import EVEN_WHEN_FULL, Script

_NOW: Final = """
local function now()
  local time = redis.call('TIME')
  return tonumber(time[1]) + tonumber(time[2]) / 1e6
end
"""

PUBLISH: Final = Script(
    EVEN_WHEN_FULL
    + """
-- KEYS: cards
-- ARGV: for each, model and card
redis.call('HSET', KEYS[1], unpack(ARGV))
return 1
"""
)
"""Publish the cards of models."""

PREPARE: Final = Script(
    EVEN_WHEN_FULL
    + """
-- KEYS: known builds, then streams
-- ARGV: group, build
redis.call('SADD', KEYS[1], ARGV[2])
for s = 2, #KEYS do
  local made = redis.pcall('XGROUP', 'CREATE', KEYS[s], ARGV[1], '0', 'MKSTREAM')
  if type(made) == 'table' and made.err and not string.find(made.err, 'BUSYGROUP', 1, true) then return made end
end
return 1
"""
)
"""Make sure that the streams of a build and their groups exist."""

ANNOUNCE: Final = Script(
    EVEN_WHEN_FULL
    + _NOW
    + """
-- KEYS: workers, rates, served
-- ARGV: worker, samples a second ('' if not measured), build, seconds it counts as alive
local time = now()
redis.call('ZADD', KEYS[1], time + ARGV[4], ARGV[1])
if ARGV[2] ~= '' then redis.call('HSET', KEYS[2], ARGV[1], ARGV[2]) end
redis.call('HSET', KEYS[3], ARGV[1], ARGV[3])
local gone = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', time - ARGV[4])
return {string.format('%.6f', time), redis.call('ZCOUNT', KEYS[1], time, '+inf'), gone}
"""
)
"""Say that a worker of a model lives; answers the time, how many live, and which have been gone for long."""

DISMISS: Final = Script(
    EVEN_WHEN_FULL
    + _NOW
    + """
-- KEYS: workers, rates, served, streams of openings
-- ARGV: group, worker, seconds since it counts as gone ('' where it says goodbye itself), then for each stream the
--       prefix of those of one build
if ARGV[3] ~= '' then
  local gone_at = redis.call('ZSCORE', KEYS[1], ARGV[2])
  if not gone_at or tonumber(gone_at) > now() - ARGV[3] then return 0 end  -- it came back
end
local build, holds = redis.call('HGET', KEYS[3], ARGV[2]), false
local function forget(stream)
  local held = redis.pcall('XPENDING', stream, ARGV[1], '-', '+', 1, ARGV[2])
  if held.err then
    if not string.find(held.err, 'NOGROUP', 1, true) then return held end
  elseif #held > 0 then  -- deleting a consumer would forget what it holds
    holds = true
  else
    redis.call('XGROUP', 'DELCONSUMER', stream, ARGV[1], ARGV[2])
  end
end
for s = 4, #KEYS do
  local failed = forget(KEYS[s]) or (build and forget(ARGV[s] .. build))
  if failed then return failed end
end
redis.call('HDEL', KEYS[2], ARGV[2])
if holds then  -- to be dismissed when others have taken over what it holds
  redis.call('ZADD', KEYS[1], 'XX', 0, ARGV[2])
  return 0
end
redis.call('ZREM', KEYS[1], ARGV[2])
redis.call('HDEL', KEYS[3], ARGV[2])
return 1
"""
)
"""Forget a worker and its empty consumers. One step: no claim of a worker thought gone can fall between the look at
what it holds and the deletion of its consumer, which would lose the piece for ever."""

PRESENT: Final = Script(
    EVEN_WHEN_FULL
    + _NOW
    + """
-- KEYS: workers, rates, served
local time, present = now(), {}
local live = redis.call('ZRANGEBYSCORE', KEYS[1], time, '+inf', 'WITHSCORES')
for i = 1, #live, 2 do
  local rate = tonumber(redis.call('HGET', KEYS[2], live[i]) or 0) or 0
  local build = redis.call('HGET', KEYS[3], live[i])
  present[#present + 1] = {string.format('%.3f', live[i + 1] - time), string.format('%.17g', rate), build}
end
return present
"""
)
"""The live workers of a model: for each, in how many seconds it counts as gone, its rate, and its build (nil: it did
not say)."""
