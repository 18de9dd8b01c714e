-- Samples that are done are no longer owed: neither by the job, nor by its tenant, nor by the model.
-- USES: charge
local function pay(job, backlog, accounts, count)
  local about = redis.call('HMGET', job, 'owed', 'tenant')
  local paid = math.min(tonumber(about[1] or 0), count)
  if paid > 0 then
    redis.call('HINCRBY', job, 'owed', -paid)
    redis.call('DECRBY', backlog, paid)
    charge(accounts, about[2] .. ' samples', -paid)
  end
end
