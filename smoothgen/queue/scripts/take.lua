#!lua flags=allow-oom
-- Takes work items of one model: first what was abandoned, then what is new, until the samples or the work items wanted
-- are reached. Work of another build of the model is sent on to the workers of that build. Answers a list of {number of
-- the stream, entry, job id, first, count, deliveries, spec, opening, attempt, batch_limit, fleet}.
-- USES: current, share
-- KEYS: builds, streams*
-- ARGV: group, worker, samples, items, lease_ms, suspect_from, jobs, build, prefixes*, held*{place entry job first
--   count attempt}
local builds, group, worker, lease, own = key.builds, arg.group, arg.worker, arg.lease_ms, arg.build
local room, items, alone = tonumber(arg.samples), tonumber(arg.items), tonumber(arg.suspect_from)
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
  put(ARGV[arg.prefixes_at + s - 1] .. goal, tenant, id, first, count, attempt)
  acknowledge(KEYS[key.streams_at + s - 1], group, entry)
end
local function take(s, entry, id, first, count, attempt, deliveries)
  local job = redis.call(
    'HMGET', arg.jobs .. id, 'status', 'spec', 'opening', 'attempt', 'build', 'batch_limit', 'fleet', 'tenant')
  if not lives(job[1]) or (job[4] or '0') ~= attempt then  -- ended, gone, or started over: nobody waits for it
    acknowledge(KEYS[key.streams_at + s - 1], group, entry)
    return
  end
  local bound = job[5]  -- its selection's build, or one named at its submission
  if bound and not serves(own, bound) then
    send_on(s, entry, bound, job[8], id, first, count, attempt)
    return
  end
  room, items = room - count, items - 1
  if deliveries >= alone then items = 0 end
  taken[#taken + 1] = {s, entry, id, tonumber(first), tonumber(count), deliveries, job[2], job[3] or '', attempt,
    job[6] or '', job[7] or ''}
end
for i = arg.prefixes_at + streams, #ARGV, 6 do
  take(tonumber(ARGV[i]), ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4], ARGV[i + 5], 1)
end
local function wanted()
  return room > 0 and items > 0
end
for s = 1, streams do
  local stream = KEYS[key.streams_at + s - 1]
  release(stream)  -- there may be room since a worker came, or since one died holding work items
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
      for _, found in ipairs(redis.call('XRANGE', stream, '(' .. after, '+', 'COUNT', items)) do
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
