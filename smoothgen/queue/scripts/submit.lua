-- Queues a job once. An idempotency key seen before gives back the job it made; a full backlog takes nothing. Answers
-- {'new' or 'seen', job id, body digest}, {'full', what there is too much of, how much of it there is} or, for one that
-- is refused unless it was seen before, {'unseen', '', ''}.
-- USES: current, share, charge, lives, attend
-- KEYS: job, stream, backlog, accounts, deadlines, recent, attended, windows*{pools bins uncounted}, idempotency?
-- ARGV: job_id, tenant, body, outlasts, idempotency_ttl_s, samples, bytes, most_samples, most_samples_of_tenant, most_bytes,
--   most_bytes_of_tenant, deadline_ms, samples_to_draw, only_seen, submitted_ms, recent_kept, recent_ttl_s, most_pools,
--   attendant, attended_s, window_count, windows*{pool about ttl_s}, fields**
local job, stream, backlog, accounts, tenant = key.job, key.stream, key.backlog, key.accounts, arg.tenant
local idempotency = arg.body ~= '' and KEYS[#KEYS]
if idempotency then
  local seen = redis.call('HMGET', idempotency, 'job', 'body')
  -- A job whose retention is over answers nobody, and one that ended because its clients went away gives none of them
  -- an answer: the key is free again.
  local known = seen[1] and redis.call('HMGET', of_model(job, 'job:' .. seen[1]), 'status', 'abandoned') or {}
  if known[1] and not known[2] and (arg.outlasts == '1' or lives(known[1])) then
    if arg.attendant ~= '' and arg.body == seen[2] and lives(known[1]) then
      attend(of_model(job, 'attended:' .. seen[1]), arg.attendant, arg.attended_s)
    end
    return {'seen', seen[1], seen[2]}
  end
end
-- The same job again: the answer to the first try was lost on the way.
if redis.call('EXISTS', job) == 1 then return {'seen', arg.job_id, arg.body} end
if arg.only_seen == '1' then return {'unseen', '', ''} end
-- A tenant that owes nothing may have any job the server can plan for, however much others owe; others are kept to the
-- limits.
local held = redis.call('HMGET', accounts, tenant .. ' samples', '* bytes', tenant .. ' bytes')
local function beyond(what, owed, asked, most)
  return held[1] and owed + tonumber(asked) > tonumber(most) and {'full', what, owed}
end
local full = beyond('samples of the key', tonumber(held[1] or 0), arg.samples, arg.most_samples_of_tenant)
  or beyond('samples of the model', tonumber(redis.call('GET', backlog) or 0), arg.samples, arg.most_samples)
  or beyond('bytes of the key', tonumber(held[3] or 0), arg.bytes, arg.most_bytes_of_tenant)
  or beyond('bytes of the model', tonumber(held[2] or 0), arg.bytes, arg.most_bytes)
if full then return full end
if idempotency then
  redis.call('HSET', idempotency, 'job', arg.job_id, 'body', arg.body)
  redis.call('EXPIRE', idempotency, arg.idempotency_ttl_s)
end
local next, places = arg.windows_at, {}
for w = 1, tonumber(arg.window_count) do
  local window, bins, uncounted = unpack(KEYS, key.windows_at + 3 * w - 3, key.windows_at + 3 * w - 1)
  local pool, about, ttl = unpack(ARGV, next, next + 2)
  next = next + 3
  local known = redis.call('HEXISTS', window, pool) == 1
  if known or redis.call('HLEN', window) < tonumber(arg.most_pools) then
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
redis.call('HSET', job, 'tenant', tenant, 'owed', arg.samples, 'bytes', arg.bytes, 'fleet', table.concat(places, ' '),
  unpack(ARGV, next))
redis.call('INCRBY', backlog, arg.samples)
charge(accounts, tenant .. ' samples', tonumber(arg.samples))
charge(accounts, tenant .. ' bytes', tonumber(arg.bytes))
charge(accounts, '* bytes', tonumber(arg.bytes))
if arg.deadline_ms ~= '' then redis.call('ZADD', key.deadlines, arg.deadline_ms, arg.job_id) end
redis.call('ZADD', key.recent, arg.submitted_ms, arg.job_id)
redis.call('ZREMRANGEBYRANK', key.recent, 0, -1 - tonumber(arg.recent_kept))
redis.call('EXPIRE', key.recent, arg.recent_ttl_s)
if arg.attendant ~= '' then attend(key.attended, arg.attendant, arg.attended_s) end
put(stream, tenant, arg.job_id, -1, arg.samples_to_draw, 0)
return {'new', arg.job_id, arg.body}
