"""The steps that must happen whole or not at all, as Lua: submitting, watching, reporting on and ending a job."""

from __future__ import annotations

from typing import Final

SUBMIT: Final = """
-- KEYS: idempotency key ('' if none), job hash, stream
-- ARGV: job id, body digest, idempotency ttl, then the job hash's fields and values
if KEYS[1] ~= '' then
  local seen = redis.call('HMGET', KEYS[1], 'job', 'body')
  if seen[1] then return seen end
  redis.call('HSET', KEYS[1], 'job', ARGV[1], 'body', ARGV[2])
  redis.call('EXPIRE', KEYS[1], ARGV[3])
end
-- The same job again: the answer to the first try was lost on the way.
if redis.call('EXISTS', KEYS[2]) == 1 then return {ARGV[1], ARGV[2]} end
redis.call('HSET', KEYS[2], unpack(ARGV, 4))
redis.call('XADD', KEYS[3], '*', 'job', ARGV[1])
return {ARGV[1], ARGV[2]}
"""
"""Queue a job once: an idempotency key seen before gives back the job it made."""

WATCH: Final = """
-- KEYS: job hash, watchers
-- ARGV: gateway, watch ttl
-- Only a job that lives and has not ended is watched: a stranger's made-up ids must not fill Redis.
local status = redis.call('HGET', KEYS[1], 'status')
if status == 'queued' or status == 'running' then
  redis.call('SADD', KEYS[2], ARGV[1])
  redis.call('EXPIRE', KEYS[2], ARGV[2])
end
return redis.call('HGETALL', KEYS[1])
"""
"""Register a gateway for a job's end and read the job, in that order."""

REPORT: Final = """
-- KEYS: job hash
-- ARGV: the job hash's fields and values
-- A late report must not reopen a job that ended, nor leave half a record of one that is gone.
local status = redis.call('HGET', KEYS[1], 'status')
if status == 'queued' or status == 'running' then
  redis.call('HSET', KEYS[1], unpack(ARGV))
  return 1
end
return 0
"""
"""Write how far a running job is."""

FINISH: Final = """#!lua flags=allow-oom
-- A full Redis must still take results: ending jobs is how it empties.
-- KEYS: job hash, stream, certificate, samples
-- ARGV: group, entry id, result ttl, certificate ttl, certificate JSON ('' if none), contact sheet ('' if none), then
-- fields and values
local status = redis.call('HGET', KEYS[1], 'status')
local first = status and status ~= 'succeeded' and status ~= 'failed'
if first then
  redis.call('HSET', KEYS[1], unpack(ARGV, 7))
  redis.call('EXPIRE', KEYS[1], ARGV[3])
  if ARGV[5] ~= '' then redis.call('SET', KEYS[3], ARGV[5], 'EX', ARGV[4]) end
  if ARGV[6] ~= '' then redis.call('SET', KEYS[4], ARGV[6], 'EX', ARGV[3]) end
end
-- Acknowledge in the step that stores the outcome: a crash before it repeats work, never loses it.
redis.call('XACK', KEYS[2], ARGV[1], ARGV[2])
redis.call('XDEL', KEYS[2], ARGV[2])
return first and 1 or 0
"""
"""Store an outcome once and acknowledge. A second worker that finished the same job changes nothing."""
