"""The steps that must happen whole or not at all, as Lua. docs/decisions/0009 draws a job's way through them.

SUBMIT → TAKE → OPEN → (TAKE → STORE)* → ADVANCE → … → FINISH. Every script may be sent twice: an answer can be lost on
its way, and a worker that was taken for dead can come back. A second arrival finds the job further on and changes
nothing.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Final


@dataclass(frozen=True)
class Script:
    """A Lua script and the name Redis keeps it under."""

    text: str

    @cached_property
    def sha(self) -> str:
        """SHA-1, as EVALSHA wants it."""
        return hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()


# Work that was accepted must also be finished by a full Redis: ending jobs is how it empties. Only SUBMIT is refused.
_EVEN_WHEN_FULL: Final = "#!lua flags=allow-oom\n"

_LIVES: Final = """
local function lives(status)
  return status == 'queued' or status == 'running'
end
"""
_LIVE: Final = (
    _LIVES
    + """
local function live(job)
  return lives(redis.call('HGET', job, 'status'))
end
"""
)

_ACKNOWLEDGE: Final = """
local function acknowledge(stream, group, entry)
  if stream ~= '' then
    redis.call('XACK', stream, group, entry)
    redis.call('XDEL', stream, entry)
  end
end
"""

# Samples that are done, or will never be, are no longer owed: neither by the job nor by the model's backlog.
_PAY: Final = """
local function pay(job, backlog, count)
  local owed = tonumber(redis.call('HGET', job, 'owed') or 0)
  local paid = math.min(owed, count)
  if paid > 0 then
    redis.call('HINCRBY', job, 'owed', -paid)
    redis.call('DECRBY', backlog, paid)
  end
end
"""

# A job has at most `window` chunks in the stream, so that a large one shares the workers with those that come after it.
_POST: Final = """
local function post(job, stream, id, chunks)
  local plan = redis.call('HMGET', job, 'posted', 'look_end', 'chunk')
  local posted, look_end, chunk = tonumber(plan[1]), tonumber(plan[2]), tonumber(plan[3])
  while chunks > 0 and posted < look_end do
    local count = math.min(chunk, look_end - posted)
    redis.call('XADD', stream, '*', 'job', id, 'first', posted, 'count', count)
    posted, chunks = posted + count, chunks - 1
  end
  redis.call('HSET', job, 'posted', posted)
end
"""

SUBMIT: Final = Script("""
-- KEYS: idempotency key ('' if none), job, stream, backlog, deadlines
-- ARGV: job id, body digest, idempotency ttl, samples, most samples in the backlog, deadline in Unix ms ('' if none),
--       samples of the opening, pools a window, number of fleet windows, for each: window key, bins key, pool,
--       its description, ttl; then the job's fields and values
if KEYS[1] ~= '' then
  local seen = redis.call('HMGET', KEYS[1], 'job', 'body')
  if seen[1] then return {'seen', seen[1], seen[2]} end
end
-- The same job again: the answer to the first try was lost on the way.
if redis.call('EXISTS', KEYS[2]) == 1 then return {'seen', ARGV[1], ARGV[2]} end
local backlog = tonumber(redis.call('GET', KEYS[4]) or 0)
-- An idle server takes any job it can plan for; a busy one keeps to its limit.
if backlog > 0 and backlog + tonumber(ARGV[4]) > tonumber(ARGV[5]) then return {'full', backlog, ''} end
if KEYS[1] ~= '' then
  redis.call('HSET', KEYS[1], 'job', ARGV[1], 'body', ARGV[2])
  redis.call('EXPIRE', KEYS[1], ARGV[3])
end
local next, places = 10, {}
for _ = 1, tonumber(ARGV[9]) do
  local window, bins, pool, about, ttl = unpack(ARGV, next, next + 4)
  next = next + 5
  local known = redis.call('HEXISTS', window, pool) == 1
  if known or redis.call('HLEN', window) < tonumber(ARGV[8]) then
    if not known then
      redis.call('HSET', window, pool, about)
      redis.call('EXPIRE', window, ttl)
    end
    local place = redis.call('APPEND', bins, '~') - 1
    if place == 0 then redis.call('EXPIRE', bins, ttl) end
    places[#places + 1] = bins .. ' ' .. place
  end
end
redis.call('HSET', KEYS[2], 'owed', ARGV[4], 'fleet', table.concat(places, ' '), unpack(ARGV, next))
redis.call('INCRBY', KEYS[4], ARGV[4])
if ARGV[6] ~= '' then redis.call('ZADD', KEYS[5], ARGV[6], ARGV[1]) end
redis.call('XADD', KEYS[3], '*', 'job', ARGV[1], 'first', -1, 'count', ARGV[7])
return {'new', ARGV[1], ARGV[2]}
""")
"""Queue a job once: an idempotency key seen before gives back the job it made; a full backlog takes nothing."""

READ: Final = Script(
    _EVEN_WHEN_FULL
    + _LIVES
    + """
-- KEYS: job, certificate
-- ARGV: gateway that wants to be told of the end ('' if none)
local job = redis.call(
  'HMGET', KEYS[1], 'status', 'view', 'model', 'done', 'total', 'output', 'radius', 'w1_bound', 'watchers')
local status = job[1]
if not status then return false end
if not lives(status) then return {status, job[2], redis.call('GET', KEYS[2]) or ''} end
if ARGV[1] ~= '' then
  local watchers = job[9] or ''
  if not string.find(watchers, ARGV[1], 1, true) then
    redis.call('HSET', KEYS[1], 'watchers', watchers .. ARGV[1] .. ' ')
  end
end
return {status, job[3], job[4], job[5], job[6] or '', job[7] or '', job[8] or ''}
"""
)
"""Read a job, and register a gateway for its end in the same step: no end can fall between the two."""

TAKE: Final = Script(
    _EVEN_WHEN_FULL
    + _LIVES
    + _ACKNOWLEDGE
    + """
-- KEYS: streams, in the order they are to be served
-- ARGV: group, worker, samples wanted, pieces wanted, lease in ms, deliveries from which work is taken alone, prefix of
--       job keys, number of streams, the model of each (a number), then pieces the worker already holds: stream (a
--       number), entry, job, first, count
local group, worker, lease = ARGV[1], ARGV[2], ARGV[5]
local room, pieces, alone = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[6])
local taken, model = {}, nil
local function take(s, entry, id, first, count, deliveries)
  local job = redis.call('HMGET', ARGV[7] .. id, 'status', 'spec', 'opening')
  if not lives(job[1]) then  -- ended, or gone: nobody waits for this piece
    acknowledge(KEYS[s], group, entry)
    return
  end
  model = ARGV[8 + s]
  room, pieces = room - count, pieces - 1
  if deliveries >= alone then pieces = 0 end
  taken[#taken + 1] = {s, entry, id, tonumber(first), tonumber(count), deliveries, job[2], job[3] or ''}
end
-- Whoever waits on many streams may be given a piece of each. A hand is of one model, the first: what is of another is
-- let go, for any worker to take at once.
for i = 9 + tonumber(ARGV[8]), #ARGV, 5 do
  local s = tonumber(ARGV[i])
  if model == nil or model == ARGV[8 + s] then
    take(s, ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4], 1)
  else
    redis.call('XCLAIM', KEYS[s], group, worker, 0, ARGV[i + 1], 'IDLE', lease + 1, 'RETRYCOUNT', 0, 'JUSTID')
  end
end
local function wanted(s)
  return room > 0 and pieces > 0 and (model == nil or model == ARGV[8 + s])
end
for s = 1, tonumber(ARGV[8]) do
  while wanted(s) do  -- whose worker fell silent
    -- Not XAUTOCLAIM: it gives up after ten entries that are held, however many abandoned ones follow.
    local silent = redis.call('XPENDING', KEYS[s], group, 'IDLE', lease, '-', '+', 1)[1]
    -- Work that took its workers with it before is tried alone, so that no other is blamed for it.
    if not silent or (#taken > 0 and silent[4] + 1 >= alone) then break end
    for _, found in ipairs(redis.call('XCLAIM', KEYS[s], group, worker, lease, silent[1])) do
      local f = found[2]
      take(s, found[1], f[2], f[4], f[6], silent[4] + 1)
    end
  end
  local after
  while wanted(s) do
    local fitting = 1
    if after then  -- what follows the entry just read is new, too: look how much of it fits, and read it at once
      fitting = 0
      local left = room
      for _, found in ipairs(redis.call('XRANGE', KEYS[s], '(' .. after, '+', 'COUNT', pieces)) do
        if left <= 0 then break end
        left, fitting = left - tonumber(found[2][6]), fitting + 1
      end
      if fitting == 0 then break end
    end
    local answer = redis.call('XREADGROUP', 'GROUP', group, worker, 'COUNT', fitting, 'STREAMS', KEYS[s], '>')
    if not answer then break end
    for _, found in ipairs(answer[1][2]) do
      local f = found[2]
      after = found[1]
      take(s, after, f[2], f[4], f[6], 1)
    end
  end
end
return taken
"""
)
"""Take work of one model: first what was abandoned, then what is new, until samples or pieces wanted are reached."""

OPEN: Final = Script(
    _EVEN_WHEN_FULL
    + _LIVE
    + _ACKNOWLEDGE
    + _PAY
    + _POST
    + """
-- KEYS: job, stream, backlog, samples
-- ARGV: group, entry, job id, samples drawn, window, contact sheet ('' if none), its ttl, then the job's fields and
--       values
if live(KEYS[1]) and redis.call('HEXISTS', KEYS[1], 'opening') == 0 then
  redis.call('HSET', KEYS[1], unpack(ARGV, 8))
  pay(KEYS[1], KEYS[3], tonumber(ARGV[4]))
  if ARGV[6] ~= '' then redis.call('SET', KEYS[4], ARGV[6], 'EX', ARGV[7]) end
  post(KEYS[1], KEYS[2], ARGV[3], tonumber(ARGV[5]))
end
-- Acknowledge in the step that stores the outcome: a crash before it repeats work, never loses it.
acknowledge(KEYS[2], ARGV[1], ARGV[2])
return 1
"""
)
"""Store centre and output, and post the first chunks."""

STORE: Final = Script(
    _EVEN_WHEN_FULL
    + _LIVE
    + _ACKNOWLEDGE
    + _PAY
    + _POST
    + """
-- KEYS: job, stream, backlog, distances
-- ARGV: group, entry, job id, first, count, distances, seconds of compute, reason of the last failure ('' if none)
if not live(KEYS[1]) then
  acknowledge(KEYS[2], ARGV[1], ARGV[2])
  return {'ended'}
end
if redis.call('HSETNX', KEYS[4], ARGV[4], ARGV[6]) == 1 then
  redis.call('HINCRBY', KEYS[1], 'stored', ARGV[5])
  redis.call('HINCRBY', KEYS[1], 'done', ARGV[5])
  redis.call('HINCRBYFLOAT', KEYS[1], 'device_s', ARGV[7])
  if ARGV[8] ~= '' then redis.call('HSET', KEYS[1], 'failure', ARGV[8]) end
  pay(KEYS[1], KEYS[3], tonumber(ARGV[5]))
  post(KEYS[1], KEYS[2], ARGV[3], 1)
end
local job = redis.call('HMGET', KEYS[1], 'stored', 'look_end', 'device_s', 'failure')
if tonumber(job[1]) < tonumber(job[2]) then
  acknowledge(KEYS[2], ARGV[1], ARGV[2])
  return {'stored'}
end
-- The look is complete, and this piece is kept until it has been taken: should the worker die now, another is given the
-- piece, finds its distances stored, and takes the look.
return {'look', tonumber(job[2]), job[3], job[4] or '', redis.call('HGETALL', KEYS[4])}
"""
)
"""Store a chunk's distances once under its first index; whoever completes the look is given all of them."""

ADVANCE: Final = Script(
    _EVEN_WHEN_FULL
    + _LIVE
    + _ACKNOWLEDGE
    + _POST
    + """
-- KEYS: job, stream
-- ARGV: group, entry, job id, samples of the look taken, samples of the next, chunk, window, radius, bound
if live(KEYS[1]) and redis.call('HGET', KEYS[1], 'look_end') == ARGV[4] then
  redis.call('HSET', KEYS[1], 'look_end', ARGV[5], 'chunk', ARGV[6], 'radius', ARGV[8], 'w1_bound', ARGV[9])
  post(KEYS[1], KEYS[2], ARGV[3], tonumber(ARGV[7]))
end
acknowledge(KEYS[2], ARGV[1], ARGV[2])
return 1
"""
)
"""Go on to the next look: post its first chunks."""

FINISH: Final = Script(
    _EVEN_WHEN_FULL
    + _LIVES
    + _ACKNOWLEDGE
    + """
-- KEYS: job, certificate, samples, distances, backlog, deadlines, asked
-- ARGV: group, stream ('' if no piece is held), entry, job id, result ttl, certificate ttl, status, view JSON,
--       certificate JSON ('' if none), contact sheet ('' if none), fleet bin ('' if none),
--       prefix of reply streams, replies kept, watch ttl, most characters a reply carries,
--       the request to be kept with the certificate ('' for the job's own spec)
local job = redis.call('HMGET', KEYS[1], 'watchers', 'fleet', 'spec', 'status', 'owed')
local first = lives(job[4])
if first then
  -- The job's own account goes with its record: only the model's backlog is settled.
  if tonumber(job[5] or 0) > 0 then redis.call('DECRBY', KEYS[5], job[5]) end
  redis.call('DEL', KEYS[1], KEYS[4])
  redis.call('ZREM', KEYS[6], ARGV[4])
  redis.call('HSET', KEYS[1], 'status', ARGV[7], 'view', ARGV[8])
  redis.call('EXPIRE', KEYS[1], ARGV[5])
  if ARGV[9] ~= '' then
    redis.call('SET', KEYS[2], ARGV[9], 'EX', ARGV[6])
    redis.call('SET', KEYS[7], ARGV[16] ~= '' and ARGV[16] or job[3], 'EX', ARGV[6])
  end
  if ARGV[10] ~= '' then redis.call('SET', KEYS[3], ARGV[10], 'EX', ARGV[5]) end
  redis.call('EXPIRE', KEYS[3], ARGV[5])
  if ARGV[11] ~= '' then
    for bins, place in string.gmatch(job[2] or '', '(%S+) (%d+)') do
      if redis.call('EXISTS', bins) == 1 then redis.call('SETRANGE', bins, place, ARGV[11]) end
    end
  end
  -- After the outcome is stored, and in the same step: a gateway that registers later finds the job ended.
  for gateway in string.gmatch(job[1] or '', '%S+') do
    local replies = ARGV[12] .. gateway
    -- A short outcome goes with the news of it; a longer one, a picture say, is read where it is kept.
    if #ARGV[8] + #ARGV[9] <= tonumber(ARGV[15]) then
      redis.call('XADD', replies, 'MAXLEN', '~', ARGV[13], '*',
        'job', ARGV[4], 'status', ARGV[7], 'view', ARGV[8], 'certificate', ARGV[9])
    else
      redis.call('XADD', replies, 'MAXLEN', '~', ARGV[13], '*', 'job', ARGV[4])
    end
    -- Not at every reply: each would be one more line of the append-only file.
    if redis.call('TTL', replies) < ARGV[14] / 2 then redis.call('EXPIRE', replies, ARGV[14]) end
  end
end
acknowledge(ARGV[2], ARGV[1], ARGV[3])
return first and 1 or 0
"""
)
"""Store an outcome once, forget what led to it, tell the gateways that wait, and acknowledge."""

PULSE: Final = Script(
    _EVEN_WHEN_FULL
    + _LIVE
    + """
-- KEYS: jobs in hand
-- ARGV: for each, samples drawn of its opening so far, or -1
local ended = {}
for i, job in ipairs(KEYS) do
  if not live(job) then
    ended[#ended + 1] = i
  else
    redis.call('HSET', job, 'status', 'running')
    if tonumber(ARGV[i]) >= 0 and redis.call('HEXISTS', job, 'opening') == 0 then
      redis.call('HSET', job, 'done', ARGV[i])
    end
  end
end
return ended
"""
)
"""Say that jobs run and how far their openings are; answers which of them were cancelled meanwhile."""

SCRIPTS: Final = (SUBMIT, READ, TAKE, OPEN, STORE, ADVANCE, FINISH, PULSE)
