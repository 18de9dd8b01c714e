#!lua flags=allow-oom
-- Reads a job, and registers a gateway for its end in the same step: no end can fall between the two. A request that
-- waits is noted too, where the job is to end when it goes away. Answers false for an unknown job; {status, view,
-- certificate, signature} for an ended one; else {status, model, done, total, output, radius, w1_bound, 1 if a worker
-- serves the model or the job runs}.
-- USES: lives, attend
-- KEYS: job, certificate, signature, workers, attended
-- ARGV: gateway, attendant, attended_s
local job = redis.call(
  'HMGET', key.job, 'status', 'view', 'model', 'done', 'total', 'output', 'radius', 'w1_bound', 'watchers',
  'cancel_on_disconnect')
local status = job[1]
if not status then return false end
if not lives(status) then
  return {status, job[2], redis.call('GET', key.certificate) or '', redis.call('GET', key.signature) or ''}
end
if arg.gateway ~= '' then
  local watchers = job[9] or ''
  if not string.find(watchers, arg.gateway, 1, true) then
    redis.call('HSET', key.job, 'watchers', watchers .. arg.gateway .. ' ')
  end
end
if arg.attendant ~= '' and job[10] == '1' then attend(key.attended, arg.attendant, arg.attended_s) end
local served = status ~= 'queued' or redis.call('ZCOUNT', key.workers, redis.call('TIME')[1], '+inf')
return {status, job[3], job[4], job[5], job[6] or '', job[7] or '', job[8] or '', served ~= 0 and 1 or 0}
