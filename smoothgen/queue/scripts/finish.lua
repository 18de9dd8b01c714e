#!lua flags=allow-oom
-- Stores an outcome once, forgets what led to it, and acknowledges the work item that led to it, where one is held.
-- Answers {1 if this call did it, the gateways that wait for the job's end, seconds for which the outcome is kept, the
-- API key whose quota gets back what the job was promised}. The gateways are told afterwards, and the quota is given
-- back afterwards, since in a cluster their keys lie elsewhere.
-- USES: current, share, charge, attend, outbox
-- KEYS: job, certificate, samples, distances, runs, outputs, pictures, asked, backlog, accounts, deadlines, attended,
--   ledger_outbox, webhooks_outbox, stream?
-- ARGV: group, entry, job_id, certificate_ttl_s, status, view, document, sheet, fleet_bin, request, attempt, leaving,
--   facts**
local job = redis.call(
  'HMGET', key.job, 'watchers', 'fleet', 'spec', 'status', 'owed', 'attempt', 'tenant', 'bytes', 'retention_s', 'total',
  'quota_of', 'unused_quota_of', 'outboxes', 'cancel_on_disconnect')
local unused_quota_of, outboxes, cancel_on_disconnect = job[12], job[13], job[14]
local first = lives(job[4]) and (arg.attempt == '' or arg.attempt == (job[6] or '0'))
if first and arg.leaving ~= '' then
  redis.call('ZREM', key.attended, arg.leaving)
  first = cancel_on_disconnect == '1' and not is_attended(key.attended)
end
if first then
  local tenant, kept_s = job[7], job[9]
  -- `owed` of the job goes with its record. What remains is its part of the model's and the tenant's accounts.
  if tonumber(job[5] or 0) > 0 then redis.call('DECRBY', key.backlog, job[5]) end
  charge(key.accounts, tenant .. ' samples', -tonumber(job[5] or 0))
  charge(key.accounts, tenant .. ' bytes', -tonumber(job[8] or 0))
  charge(key.accounts, '* bytes', -tonumber(job[8] or 0))
  -- A job that ends without a result before it has drawn anything, on any attempt, costs its key nothing.
  local drew_nothing = arg.status ~= 'succeeded' and job[5] == job[10] and (job[6] or '0') == '0'
  unused_quota_of = drew_nothing and job[11]
  redis.call('DEL', key.job, key.distances, key.attended)
  redis.call('ZREM', key.deadlines, arg.job_id)
  redis.call('HSET', key.job, 'status', arg.status, 'view', arg.view, 'watchers', job[1] or '', 'tenant', tenant,
    'outboxes', outboxes or '')
  if unused_quota_of then redis.call('HSET', key.job, 'unused_quota_of', unused_quota_of) end
  if arg.leaving ~= '' then redis.call('HSET', key.job, 'abandoned', '1') end
  append({ledger = key.ledger_outbox, webhooks = key.webhooks_outbox}, outboxes, arg.certificate_ttl_s,
    'event', 'ended', 'job', arg.job_id, 'tenant', tenant, 'status', arg.status, unpack(ARGV, arg.facts_at))
  redis.call('EXPIRE', key.job, kept_s)
  if arg.document ~= '' then
    redis.call('SET', key.certificate, arg.document, 'EX', arg.certificate_ttl_s)
    redis.call('SET', key.asked, arg.request ~= '' and arg.request or job[3], 'EX', kept_s)
  end
  if arg.sheet ~= '' then redis.call('SET', key.samples, arg.sheet, 'EX', kept_s) end
  redis.call('EXPIRE', key.samples, kept_s)
  redis.call('EXPIRE', key.runs, kept_s)
  redis.call('EXPIRE', key.outputs, kept_s)
  redis.call('EXPIRE', key.pictures, kept_s)
  if arg.fleet_bin ~= '' then
    for bins, place in string.gmatch(job[2] or '', '(%S+) (%d+)') do
      if redis.call('EXISTS', bins) == 1 then redis.call('SETRANGE', bins, place, arg.fleet_bin) end
    end
  end
end
if arg.entry ~= '' then acknowledge(key.stream, arg.group, arg.entry) end
-- A repeated call is given the watchers and the API key again: the answer to the first call may have been lost, and
-- nobody told.
return {first and 1 or 0, (first or not lives(job[4])) and job[1] or '', job[9] or 0, unused_quota_of or ''}
