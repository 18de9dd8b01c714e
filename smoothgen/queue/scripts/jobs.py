"""The steps that must happen whole or not at all, as Lua. docs/decisions/0009 draws a job's way through them.

SUBMIT → TAKE → OPEN → (TAKE → STORE)* → ADVANCE → … → FINISH, and RESTART where a job must start over. Every script may
be sent twice: an answer can be lost on its way, and a worker that was taken for dead can come back. A second arrival
finds the job further on, or on its next attempt, and changes nothing.
"""

from __future__ import annotations

from typing import Final

from smoothgen.queue.scripts.shared import CHARGE, CURRENT, EVEN_WHEN_FULL, LIVES, PAY, POST, SHARE, Script

SUBMIT: Final = Script(
    CURRENT
    + SHARE
    + CHARGE
    + """
-- KEYS: job, stream, backlog, accounts, deadlines; for each fleet window: window, bins, count of requests in no pool;
--       then the idempotency key, where there is one
-- ARGV: job id, tenant, body digest ('' if there is no idempotency key), idempotency ttl, samples, bytes, most samples
--       of the model and of the tenant, most bytes of the model and of the tenant, deadline in Unix ms ('' if none),
--       samples of the opening, pools a window, number of fleet windows, for each: pool, its description, ttl; then the
--       job's fields and values
local job, stream, backlog, accounts, tenant = KEYS[1], KEYS[2], KEYS[3], KEYS[4], ARGV[2]
local idempotency = ARGV[3] ~= '' and KEYS[#KEYS]
if idempotency then
  local seen = redis.call('HMGET', idempotency, 'job', 'body')
  -- A job whose retention is over answers nobody: the key is free again.
  if seen[1] and redis.call('EXISTS', of_model(job, 'job:' .. seen[1])) == 1 then
    return {'seen', seen[1], seen[2]}
  end
end
-- The same job again: the answer to the first try was lost on the way.
if redis.call('EXISTS', job) == 1 then return {'seen', ARGV[1], ARGV[3]} end
-- A tenant that owes nothing may have any job the server can plan for, however much others owe; others are kept to the
-- limits.
local held = redis.call('HMGET', accounts, tenant .. ' samples', '* bytes', tenant .. ' bytes')
local function beyond(what, owed, asked, most)
  return held[1] and owed + tonumber(asked) > tonumber(most) and {'full', what, owed}
end
local full = beyond('samples of the key', tonumber(held[1] or 0), ARGV[5], ARGV[8])
  or beyond('samples of the model', tonumber(redis.call('GET', backlog) or 0), ARGV[5], ARGV[7])
  or beyond('bytes of the key', tonumber(held[3] or 0), ARGV[6], ARGV[10])
  or beyond('bytes of the model', tonumber(held[2] or 0), ARGV[6], ARGV[9])
if full then return full end
if idempotency then
  redis.call('HSET', idempotency, 'job', ARGV[1], 'body', ARGV[3])
  redis.call('EXPIRE', idempotency, ARGV[4])
end
local next, places = 15, {}
for w = 1, tonumber(ARGV[14]) do
  local window, bins, uncounted = unpack(KEYS, 3 + 3 * w, 5 + 3 * w)
  local pool, about, ttl = unpack(ARGV, next, next + 2)
  next = next + 3
  local known = redis.call('HEXISTS', window, pool) == 1
  if known or redis.call('HLEN', window) < tonumber(ARGV[13]) then
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
redis.call('HSET', job, 'tenant', tenant, 'owed', ARGV[5], 'bytes', ARGV[6], 'fleet', table.concat(places, ' '),
  unpack(ARGV, next))
redis.call('INCRBY', backlog, ARGV[5])
charge(accounts, tenant .. ' samples', tonumber(ARGV[5]))
charge(accounts, tenant .. ' bytes', tonumber(ARGV[6]))
charge(accounts, '* bytes', tonumber(ARGV[6]))
if ARGV[11] ~= '' then redis.call('ZADD', KEYS[5], ARGV[11], ARGV[1]) end
put(stream, tenant, ARGV[1], -1, ARGV[12], 0)
return {'new', ARGV[1], ARGV[3]}
""",
    replicated=True,
)
"""Queue a job once: an idempotency key seen before gives back the job it made; a full backlog takes nothing."""

READ: Final = Script(
    EVEN_WHEN_FULL
    + LIVES
    + """
-- KEYS: job, certificate, live workers
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
local served = status ~= 'queued' or redis.call('ZCOUNT', KEYS[3], redis.call('TIME')[1], '+inf')
return {status, job[3], job[4], job[5], job[6] or '', job[7] or '', job[8] or '', served ~= 0 and 1 or 0}
"""
)
"""Read a job, and register a gateway for its end in the same step: no end can fall between the two."""

TAKE: Final = Script(
    EVEN_WHEN_FULL
    + CURRENT
    + SHARE
    + """
-- KEYS: key of the model's known builds, its streams in the order they are to be served
-- ARGV: group, worker, samples wanted, pieces wanted, lease in ms, deliveries from which work is taken alone, prefix of
--       job keys, this worker's build, for each stream: prefix of the streams of one build; then pieces the worker
--       already holds: stream (a number), entry, job, first, count, attempt
local builds, group, worker, lease, own = KEYS[1], ARGV[1], ARGV[2], ARGV[5], ARGV[8]
local room, pieces, alone = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[6])
local streams, taken = #KEYS - 1, {}
-- What is bound to a digest only, as fleet requests are, may be computed in any precision.
local function serves(build, bound)
  return build == bound or string.sub(build, 1, #bound + 1) == bound .. '@'
end
-- Into the stream of its build's workers, as a new entry: no delivery is counted, and nobody else meets it again.
local function send_on(s, entry, bound, tenant, id, first, count, attempt)
  local goal = bound
  for _, build in ipairs(redis.call('SMEMBERS', builds)) do
    if serves(build, bound) then goal = build end
  end
  redis.call('SADD', builds, goal)
  put(ARGV[8 + s] .. goal, tenant, id, first, count, attempt)
  acknowledge(KEYS[s + 1], group, entry)
end
local function take(s, entry, id, first, count, attempt, deliveries)
  local job = redis.call(
    'HMGET', ARGV[7] .. id, 'status', 'spec', 'opening', 'attempt', 'build', 'batch_limit', 'fleet', 'tenant')
  if not lives(job[1]) or (job[4] or '0') ~= attempt then  -- ended, gone, or started over: nobody waits for this piece
    acknowledge(KEYS[s + 1], group, entry)
    return
  end
  local bound = job[5]  -- its opening's build, or one named at its submission
  if bound and not serves(own, bound) then
    send_on(s, entry, bound, job[8], id, first, count, attempt)
    return
  end
  room, pieces = room - count, pieces - 1
  if deliveries >= alone then pieces = 0 end
  taken[#taken + 1] = {s, entry, id, tonumber(first), tonumber(count), deliveries, job[2], job[3] or '', attempt,
    job[6] or '', job[7] or ''}
end
for i = 9 + streams, #ARGV, 6 do
  take(tonumber(ARGV[i]), ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4], ARGV[i + 5], 1)
end
local function wanted()
  return room > 0 and pieces > 0
end
for s = 1, streams do
  local stream = KEYS[s + 1]
  release(stream)  -- there may be room since a worker came, or since one died with pieces in its hands
  while wanted() do  -- whose worker fell silent
    -- Not XAUTOCLAIM: it gives up after ten entries that are held, however many abandoned ones follow.
    local silent = redis.call('XPENDING', stream, group, 'IDLE', lease, '-', '+', 1)[1]
    -- Work that took its workers with it before is tried alone, so that no other is blamed for it.
    if not silent or (#taken > 0 and silent[4] + 1 >= alone) then break end
    for _, found in ipairs(redis.call('XCLAIM', stream, group, worker, lease, silent[1])) do
      local f = found[2]
      take(s, found[1], f[2], f[4], f[6], f[8] or '0', silent[4] + 1)
    end
  end
  local after
  while wanted() do
    local fitting = 1
    if after then  -- what follows the entry just read is new, too: look how much of it fits, and read it at once
      fitting = 0
      local left = room
      for _, found in ipairs(redis.call('XRANGE', stream, '(' .. after, '+', 'COUNT', pieces)) do
        if left <= 0 then break end
        left, fitting = left - tonumber(found[2][6]), fitting + 1
      end
      if fitting == 0 then break end
    end
    local answer = redis.call('XREADGROUP', 'GROUP', group, worker, 'COUNT', fitting, 'STREAMS', stream, '>')
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
    + SHARE
    + PAY
    + POST
    + """
-- KEYS: job, stream, backlog, accounts, samples, stream of the chunks
-- ARGV: group, entry, job id, samples drawn, window, contact sheet ('' if none), attempt, then the job's fields and
--       values
if current(KEYS[1], ARGV[7]) and redis.call('HEXISTS', KEYS[1], 'opening') == 0 then
  redis.call('HSET', KEYS[1], unpack(ARGV, 8))
  pay(KEYS[1], KEYS[3], KEYS[4], tonumber(ARGV[4]))
  if ARGV[6] ~= '' then redis.call('SET', KEYS[5], ARGV[6]) end  -- FINISH says how long it is kept
  post(KEYS[1], KEYS[6], ARGV[3], tonumber(ARGV[5]))
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
    + SHARE
    + PAY
    + POST
    + """
-- KEYS: job, stream, backlog, accounts, distances, stream of the chunks
-- ARGV: group, entry, job id, first, count, distances, seconds of compute, reason of the last failure ('' if none),
--       attempt
if not current(KEYS[1], ARGV[9]) then
  acknowledge(KEYS[2], ARGV[1], ARGV[2])
  return {'ended'}
end
if redis.call('HSETNX', KEYS[5], ARGV[4], ARGV[6]) == 1 then
  redis.call('HINCRBY', KEYS[1], 'stored', ARGV[5])
  redis.call('HINCRBY', KEYS[1], 'done', ARGV[5])
  redis.call('HINCRBYFLOAT', KEYS[1], 'device_s', ARGV[7])
  if ARGV[8] ~= '' then redis.call('HSET', KEYS[1], 'failure', ARGV[8]) end
  pay(KEYS[1], KEYS[3], KEYS[4], tonumber(ARGV[5]))
  post(KEYS[1], KEYS[6], ARGV[3], 1)
end
local job = redis.call('HMGET', KEYS[1], 'stored', 'look_end', 'device_s', 'failure')
if tonumber(job[1]) < tonumber(job[2]) then
  acknowledge(KEYS[2], ARGV[1], ARGV[2])
  return {'stored'}
end
-- The look is complete, and this piece is kept until it has been taken: should the worker die now, another is given the
-- piece, finds its distances stored, and takes the look.
return {'look', tonumber(job[2]), job[3], job[4] or '', redis.call('HGETALL', KEYS[5])}
"""
)
"""Store a chunk's distances once under its first index; whoever completes the look is given all of them."""

ADVANCE: Final = Script(
    EVEN_WHEN_FULL
    + CURRENT
    + SHARE
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
    + CURRENT
    + SHARE
    + CHARGE
    + """
-- KEYS: job, certificate, samples, distances, asked, backlog, accounts, deadlines; then the stream of the piece that is
--       held, where one is
-- ARGV: group, entry ('' if no piece is held), job id, certificate ttl, status, view JSON, certificate JSON ('' if
--       none), contact sheet ('' if none), fleet bin ('' if none), the request to be kept for comparisons ('' for the
--       job's own spec), attempt the outcome is of ('' for whichever the job is on)
local job = redis.call(
  'HMGET', KEYS[1], 'watchers', 'fleet', 'spec', 'status', 'owed', 'attempt', 'tenant', 'bytes', 'retention_s')
local first = lives(job[4]) and (ARGV[11] == '' or ARGV[11] == (job[6] or '0'))
if first then
  local tenant, kept_s = job[7], job[9]
  -- The job's own account goes with its record: only the model's and the tenant's are settled.
  if tonumber(job[5] or 0) > 0 then redis.call('DECRBY', KEYS[6], job[5]) end
  charge(KEYS[7], tenant .. ' samples', -tonumber(job[5] or 0))
  charge(KEYS[7], tenant .. ' bytes', -tonumber(job[8] or 0))
  charge(KEYS[7], '* bytes', -tonumber(job[8] or 0))
  redis.call('DEL', KEYS[1], KEYS[4])
  redis.call('ZREM', KEYS[8], ARGV[3])
  redis.call('HSET', KEYS[1], 'status', ARGV[5], 'view', ARGV[6], 'watchers', job[1] or '')
  redis.call('EXPIRE', KEYS[1], kept_s)
  if ARGV[7] ~= '' then
    redis.call('SET', KEYS[2], ARGV[7], 'EX', ARGV[4])
    redis.call('SET', KEYS[5], ARGV[10] ~= '' and ARGV[10] or job[3], 'EX', kept_s)
  end
  if ARGV[8] ~= '' then redis.call('SET', KEYS[3], ARGV[8], 'EX', kept_s) end
  redis.call('EXPIRE', KEYS[3], kept_s)
  if ARGV[9] ~= '' then
    for bins, place in string.gmatch(job[2] or '', '(%S+) (%d+)') do
      if redis.call('EXISTS', bins) == 1 then redis.call('SETRANGE', bins, place, ARGV[9]) end
    end
  end
end
if ARGV[2] ~= '' then acknowledge(KEYS[9], ARGV[1], ARGV[2]) end
-- Who asks again is answered again: the answer to the first call may have been lost, and with it who waits.
return {first and 1 or 0, (first or not lives(job[4])) and job[1] or '', job[9] or 0}
"""
)
"""Store an outcome once, forget what led to it, and acknowledge. Answers whether this call did it, and which gateways
wait for the job's end, and for how long its outcome is kept: they are told afterwards, since their streams lie
elsewhere in a cluster."""

ERASE: Final = Script(
    EVEN_WHEN_FULL
    + LIVES
    + """
-- KEYS: job, asked, samples
-- ARGV: view JSON without the output
local status = redis.call('HGET', KEYS[1], 'status')
if status and not lives(status) then redis.call('HSET', KEYS[1], 'view', ARGV[1]) end
redis.call('DEL', KEYS[2], KEYS[3])
return redis.call('HGET', KEYS[1], 'watchers') or ''
"""
)
"""Delete what an ended job keeps of its prompt and output. Answers which gateways were told of its end."""

FORGET_NEWS: Final = Script(
    EVEN_WHEN_FULL
    + """
-- KEYS: stream of replies
-- ARGV: job id
for _, entry in ipairs(redis.call('XRANGE', KEYS[1], '-', '+')) do
  for field = 1, #entry[2], 2 do
    if entry[2][field] == 'job' and entry[2][field + 1] == ARGV[1] then redis.call('XDEL', KEYS[1], entry[1]) end
  end
end
return 1
"""
)
"""Delete the news of a job that a gateway has not read, which may hold its output."""

TELL: Final = Script(
    EVEN_WHEN_FULL
    + """
-- KEYS: stream of replies
-- ARGV: replies kept, ttl, then the reply's fields and values
redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', unpack(ARGV, 3))
-- What a gateway that is gone did not read is kept no longer, though others are still told there.
redis.call('XTRIM', KEYS[1], 'MINID', 1000 * (redis.call('TIME')[1] - ARGV[2]))
-- Not at every reply: each would be one more line of the append-only file.
if redis.call('TTL', KEYS[1]) < ARGV[2] / 2 then redis.call('EXPIRE', KEYS[1], ARGV[2]) end
return 1
"""
)
"""Tell a gateway that a job has ended."""

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
