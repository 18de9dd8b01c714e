#!lua flags=allow-oom
-- Deletes what an ended job keeps of its prompt and output, and marks it as erased. Answers which gateways were told of its end.
-- USES: lives, outbox
-- KEYS: job, asked, samples, runs, outputs, pictures, ledger_outbox, webhooks_outbox
-- ARGV: view, job_id, kept_s
local job = redis.call('HMGET', key.job, 'status', 'erased', 'outboxes', 'tenant')
if job[1] and not lives(job[1]) then
  redis.call('HSET', key.job, 'view', arg.view, 'erased', '1')
  if not job[2] then
    append({ledger = key.ledger_outbox, webhooks = key.webhooks_outbox}, job[3], arg.kept_s,
      'event', 'erased', 'job', arg.job_id, 'tenant', job[4], 'status', job[1])
  end
end
redis.call('DEL', key.asked, key.samples, key.runs, key.outputs, key.pictures)
return redis.call('HGET', key.job, 'watchers') or ''
