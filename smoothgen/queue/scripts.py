"""The steps that must happen whole or not at all, as Lua. docs/decisions/0009 draws a job's way through them.

SUBMIT → TAKE → OPEN → (TAKE → STORE)* → ADVANCE → … → FINISH, and RESTART where a job must start over. Every script may
be sent twice: an answer can be lost on its way, and a worker that was taken for dead can come back. A second arrival
finds the job further on, or on its next attempt, and changes nothing.
"""

from __future__ import annotations

from typing import Final

from smoothgen.queue.lua import ACKNOWLEDGE, CURRENT, EVEN_WHEN_FULL, LIVES, PAY, POST, Script

SUBMIT: Final = Script(
    """
-- KEYS: idempotency key ('' if none), job, stream, backlog, deadlines
-- ARGV: job id, body digest, idempotency ttl, samples, most samples in the backlog, deadline in Unix ms ('' if none),
--       samples of the opening, pools a window, number of fleet windows, for each: window key, bins key, pool,
--       its description, ttl, key of the requests in no pool; then the job's fields and values
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
  local window, bins, pool, about, ttl, uncounted = unpack(ARGV, next, next + 5)
  next = next + 6
  local known = redis.call('HEXISTS', window, pool) == 1
  if known or redis.call('HLEN', window) < tonumber(ARGV[8]) then
    if not known then
      redis.call('HSET', window, pool, about)
      redis.call('EXPIRE', window, ttl)
    end
    local place = redis.call('APPEND', bins, '~') - 1
    if place == 0 then redis.call('EXPIRE', bins, ttl) end
    places[#places + 1] = bins .. ' ' .. place
  elseif redis.call('INCR', uncounted) == 1 then  -- served, and in the statement of no pool
    redis.call('EXPIRE', uncounted, ttl)
  end
end
redis.call('HSET', KEYS[2], 'owed', ARGV[4], 'fleet', table.concat(places, ' '), unpack(ARGV, next))
redis.call('INCRBY', KEYS[4], ARGV[4])
if ARGV[6] ~= '' then redis.call('ZADD', KEYS[5], ARGV[6], ARGV[1]) end
redis.call('XADD', KEYS[3], '*', 'job', ARGV[1], 'first', -1, 'count', ARGV[7])
return {'new', ARGV[1], ARGV[2]}
""",
    replicated=True,
)
"""Queue a job once: an idempotency key seen before gives back the job it made; a full backlog takes nothing."""

READ: Final = Script(
    EVEN_WHEN_FULL
    + LIVES
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
    EVEN_WHEN_FULL
    + LIVES
    + ACKNOWLEDGE
    + """
-- KEYS: streams, in the order they are to be served
-- ARGV: group, worker, samples wanted, pieces wanted, lease in ms, deliveries from which work is taken alone, prefix of
--       job keys, number of streams, for each: its model (a number), this worker's build of it, prefix of the streams
--       of one build, key of the known builds; then pieces the worker already holds: stream (a number), entry, job,
--       first, count, attempt
local group, worker, lease = ARGV[1], ARGV[2], ARGV[5]
local room, pieces, alone = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[6])
local taken, model = {}, nil
local function about(s, what)
  return ARGV[4 + 4 * s + what]
end
-- The build a job is bound to: its opening's, or one named at its submission. A job opened by a version that did not
-- write it beside the opening has it inside.
local function bound_to(build, opening)
  if build or not opening then return build end
  local readable, read = pcall(cjson.decode, opening)
  local model = readable and type(read.provenance) == 'table' and read.provenance.model
  return type(model) == 'table' and model.digest or nil
end
-- What is bound to a digest only, as fleet requests are, may be computed in any precision.
local function serves(build, bound)
  return build == bound or string.sub(build, 1, #bound + 1) == bound .. '@'
end
-- Into the stream of its build's workers, as a new entry: no delivery is counted, and nobody else meets it again.
local function send_on(s, entry, bound, id, first, count, attempt)
  local builds, goal = about(s, 4), bound
  for _, build in ipairs(redis.call('SMEMBERS', builds)) do
    if serves(build, bound) then goal = build end
  end
  redis.call('SADD', builds, goal)
  redis.call('XADD', about(s, 3) .. goal, '*', 'job', id, 'first', first, 'count', count, 'attempt', attempt)
  acknowledge(KEYS[s], group, entry)
end
local function take(s, entry, id, first, count, attempt, deliveries)
  local job = redis.call(
    'HMGET', ARGV[7] .. id, 'status', 'spec', 'opening', 'attempt', 'build', 'batch_limit', 'fleet')
  if not lives(job[1]) or (job[4] or '0') ~= attempt then  -- ended, gone, or started over: nobody waits for this piece
    acknowledge(KEYS[s], group, entry)
    return
  end
  local bound = bound_to(job[5], job[3])
  if bound and not serves(about(s, 2), bound) then
    send_on(s, entry, bound, id, first, count, attempt)
    return
  end
  model = about(s, 1)
  room, pieces = room - count, pieces - 1
  if deliveries >= alone then pieces = 0 end
  taken[#taken + 1] = {s, entry, id, tonumber(first), tonumber(count), deliveries, job[2], job[3] or '', attempt,
    job[6] or '', job[7] or ''}
end
-- Whoever waits on many streams may be given a piece of each. A hand is of one model, the first: what is of another is
-- let go, for any worker to take at once.
for i = 9 + 4 * tonumber(ARGV[8]), #ARGV, 6 do
  local s = tonumber(ARGV[i])
  if model == nil or model == about(s, 1) then
    take(s, ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4], ARGV[i + 5], 1)
  else
    redis.call('XCLAIM', KEYS[s], group, worker, 0, ARGV[i + 1], 'IDLE', lease + 1, 'RETRYCOUNT', 0, 'JUSTID')
  end
end
local function wanted(s)
  return room > 0 and pieces > 0 and (model == nil or model == about(s, 1))
end
for s = 1, tonumber(ARGV[8]) do
  while wanted(s) do  -- whose worker fell silent
    -- Not XAUTOCLAIM: it gives up after ten entries that are held, however many abandoned ones follow.
    local silent = redis.call('XPENDING', KEYS[s], group, 'IDLE', lease, '-', '+', 1)[1]
    -- Work that took its workers with it before is tried alone, so that no other is blamed for it.
    if not silent or (#taken > 0 and silent[4] + 1 >= alone) then break end
    for _, found in ipairs(redis.call('XCLAIM', KEYS[s], group, worker, lease, silent[1])) do
      local f = found[2]
      take(s, found[1], f[2], f[4], f[6], f[8] or '0', silent[4] + 1)
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
      take(s, after, f[2], f[4], f[6], f[8] or '0', 1)
    end
  end
end
return taken
"""
)
"""Take work of one model: first what was abandoned, then what is new, until samples or pieces wanted are reached.

What another build of the model must compute is sent on to its workers.
"""

OPEN: Final = Script(
    EVEN_WHEN_FULL
    + CURRENT
    + ACKNOWLEDGE
    + PAY
    + POST
    + """
-- KEYS: job, stream, backlog, samples, stream of the chunks
-- ARGV: group, entry, job id, samples drawn, window, contact sheet ('' if none), its ttl, attempt, then the job's
--       fields and values
if current(KEYS[1], ARGV[8]) and redis.call('HEXISTS', KEYS[1], 'opening') == 0 then
  redis.call('HSET', KEYS[1], unpack(ARGV, 9))
  pay(KEYS[1], KEYS[3], tonumber(ARGV[4]))
  if ARGV[6] ~= '' then redis.call('SET', KEYS[4], ARGV[6], 'EX', ARGV[7]) end
  post(KEYS[1], KEYS[5], ARGV[3], tonumber(ARGV[5]))
end
-- Acknowledge in the step that stores the outcome: a crash before it repeats work, never loses it.
acknowledge(KEYS[2], ARGV[1], ARGV[2])
return 1
"""
)
"""Store centre and output, and post the first chunks."""

STORE: Final = Script(
    EVEN_WHEN_FULL
    + CURRENT
    + ACKNOWLEDGE
    + PAY
    + POST
    + """
-- KEYS: job, stream, backlog, distances, stream of the chunks
-- ARGV: group, entry, job id, first, count, distances, seconds of compute, reason of the last failure ('' if none),
--       attempt
if not current(KEYS[1], ARGV[9]) then
  acknowledge(KEYS[2], ARGV[1], ARGV[2])
  return {'ended'}
end
if redis.call('HSETNX', KEYS[4], ARGV[4], ARGV[6]) == 1 then
  redis.call('HINCRBY', KEYS[1], 'stored', ARGV[5])
  redis.call('HINCRBY', KEYS[1], 'done', ARGV[5])
  redis.call('HINCRBYFLOAT', KEYS[1], 'device_s', ARGV[7])
  if ARGV[8] ~= '' then redis.call('HSET', KEYS[1], 'failure', ARGV[8]) end
  pay(KEYS[1], KEYS[3], tonumber(ARGV[5]))
  post(KEYS[1], KEYS[5], ARGV[3], 1)
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
    EVEN_WHEN_FULL
    + CURRENT
    + ACKNOWLEDGE
    + POST
    + """
-- KEYS: job, stream, stream of the chunks
-- ARGV: group, entry, job id, samples of the look taken, samples of the next, chunk, window, radius, bound, attempt
if current(KEYS[1], ARGV[10]) and redis.call('HGET', KEYS[1], 'look_end') == ARGV[4] then
  redis.call('HSET', KEYS[1], 'look_end', ARGV[5], 'chunk', ARGV[6], 'radius', ARGV[8], 'w1_bound', ARGV[9])
  post(KEYS[1], KEYS[3], ARGV[3], tonumber(ARGV[7]))
end
acknowledge(KEYS[2], ARGV[1], ARGV[2])
return 1
"""
)
"""Go on to the next look: post its first chunks."""

FINISH: Final = Script(
    EVEN_WHEN_FULL
    + LIVES
    + ACKNOWLEDGE
    + """
-- KEYS: job, certificate, samples, distances, backlog, deadlines, asked
-- ARGV: group, stream ('' if no piece is held), entry, job id, result ttl, certificate ttl, status, view JSON,
--       certificate JSON ('' if none), contact sheet ('' if none), fleet bin ('' if none),
--       prefix of reply streams, replies kept, watch ttl, most characters a reply carries,
--       the request to be kept with the certificate ('' for the job's own spec), attempt the outcome is of ('' for
--       whichever the job is on)
local job = redis.call('HMGET', KEYS[1], 'watchers', 'fleet', 'spec', 'status', 'owed', 'attempt')
local first = lives(job[4]) and (ARGV[17] == '' or ARGV[17] == (job[6] or '0'))
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
    EVEN_WHEN_FULL
    + CURRENT
    + """
-- KEYS: jobs in hand
-- ARGV: for each, its attempt, and samples drawn of its opening so far, or -1
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
"""
)
"""Say that jobs run and how far their openings are; answers which of them ended, or started over, meanwhile."""
