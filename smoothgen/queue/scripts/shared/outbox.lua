-- Appends an entry to the outbox of every reader that a job names in `outboxes`. It stays until that reader acknowledges
-- it, and no longer than the certificate it may tell of, so that what nobody reads holds a bounded share of the memory.
local function append(outboxes, named, kept_s, ...)
  local oldest = redis.call('TIME')[1] - kept_s
  for name in string.gmatch(named or '', '%S+') do
    local outbox = outboxes[name]
    redis.call('XADD', outbox, 'MINID', '~', 1000 * oldest, '*', ...)
    if redis.call('TTL', outbox) < kept_s / 2 then redis.call('EXPIRE', outbox, kept_s) end
  end
end
