#!lua flags=allow-oom
-- Forgets a worker and its empty consumers. One step: no claim of a worker thought gone can fall between the look at
-- what it holds and the deletion of its consumer, which would lose the work item for ever.
-- USES: now
-- KEYS: workers, rates, served, streams*
-- ARGV: group, worker, gone_s, prefixes*
if arg.gone_s ~= '' then
  local gone_at = redis.call('ZSCORE', key.workers, arg.worker)
  if not gone_at or tonumber(gone_at) > now() - arg.gone_s then return 0 end  -- it came back
end
local build, holds = redis.call('HGET', key.served, arg.worker), false
local function forget(stream)
  local held = redis.pcall('XPENDING', stream, arg.group, '-', '+', 1, arg.worker)
  if held.err then
    if not string.find(held.err, 'NOGROUP', 1, true) then return held end
  elseif #held > 0 then  -- deleting a consumer would forget what it holds
    holds = true
  else
    redis.call('XGROUP', 'DELCONSUMER', stream, arg.group, arg.worker)
  end
end
for s = key.streams_at, #KEYS do
  local failed = forget(KEYS[s]) or (build and forget(ARGV[arg.prefixes_at + s - key.streams_at] .. build))
  if failed then return failed end
end
redis.call('HDEL', key.rates, arg.worker)
if holds then  -- to be dismissed when others have taken over what it holds
  redis.call('ZADD', key.workers, 'XX', 0, arg.worker)
  return 0
end
redis.call('ZREM', key.workers, arg.worker)
redis.call('HDEL', key.served, arg.worker)
return 1
