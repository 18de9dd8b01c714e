"""Starting a job over, as Lua: docs/decisions/0012."""

from __future__ import annotations

from typing import Final

from smoothgen.queue.scripts.shared import CHARGE, CURRENT, EVEN_WHEN_FULL, SHARE, Script

RESTART: Final = Script(
    EVEN_WHEN_FULL
    + CURRENT
    + SHARE
    + CHARGE
    + """
-- KEYS: job, stream of the piece, stream of the openings, backlog, accounts, distances, samples
-- ARGV: group, entry, job id, the piece's attempt, samples of the opening, most restarts for want of a worker, size the
--       job's fixed batches must not exceed from now on ('' where it starts over for want of a worker)
if not current(KEYS[1], ARGV[4]) then  -- ended, gone, or started over already
  acknowledge(KEYS[2], ARGV[1], ARGV[2])
  return 'void'
end
local job = redis.call('HMGET', KEYS[1], 'opening', 'restarts', 'owed', 'total', 'tenant')
if not job[1] then return 'bound' end  -- named a build before its opening: it has no other to start over under
if ARGV[7] ~= '' then
  redis.call('HSET', KEYS[1], 'batch_limit', ARGV[7])
elseif tonumber(job[2] or 0) >= tonumber(ARGV[6]) then
  return 'spent'
else
  redis.call('HINCRBY', KEYS[1], 'restarts', 1)
end
local attempt = redis.call('HINCRBY', KEYS[1], 'attempt', 1)
-- Nothing of what was drawn is kept: all of the job is owed again.
local more = tonumber(job[4]) - tonumber(job[3] or 0)
redis.call('INCRBY', KEYS[4], more)
charge(KEYS[5], job[5] .. ' samples', more)
redis.call('HSET', KEYS[1], 'owed', job[4], 'status', 'queued', 'done', 0)
redis.call('HDEL', KEYS[1], 'opening', 'build', 'batch_size', 'output', 'device_s', 'stored', 'posted', 'look_end',
  'chunk', 'radius', 'w1_bound', 'failure')
redis.call('DEL', KEYS[6], KEYS[7])
put(KEYS[3], job[5], ARGV[3], -1, ARGV[5], attempt)
acknowledge(KEYS[2], ARGV[1], ARGV[2])
return 'restarted'
"""
)
"""Start a job over from its opening: what it had is discarded, and what comes of its earlier pieces changes nothing.

Answers 'restarted', 'void' (another was first, or the job has ended), 'spent' (it has started over too often) or
'bound' (it may run under one build only); in the last two cases nothing has changed.
"""

VOID: Final = Script(
    EVEN_WHEN_FULL
    + CURRENT
    + SHARE
    + """
-- KEYS: stream
-- ARGV: group, entry
acknowledge(KEYS[1], ARGV[1], ARGV[2])
return 1
"""
)
"""Drop a piece of a job that is gone."""

FORGET: Final = Script(
    EVEN_WHEN_FULL
    + CURRENT
    + SHARE
    + """
-- KEYS: known builds, then the streams of one
-- ARGV: the build
for s = 2, #KEYS do
  release(KEYS[s])
  if redis.call('XLEN', KEYS[s]) > 0 then return 0 end
end
for s = 2, #KEYS do redis.call('DEL', KEYS[s], KEYS[s] .. ':share', KEYS[s] .. ':turns') end
redis.call('SREM', KEYS[1], ARGV[1])
return 1
"""
)
"""Forget a build nobody serves any more, unless work of it waits."""
