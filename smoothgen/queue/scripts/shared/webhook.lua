-- Keys of a receiver of webhooks, by any key of all of them and its id, and how one is disabled.
-- USES: now
local function of_receiver(key, name, id)
  return string.match(key, '^[^}]*}:') .. name .. ':' .. id
end
local function disable(key, id, reason)
  redis.call('HSET', of_receiver(key, 'receiver', id), 'disabled', 1, 'reason', reason)
  redis.call('DEL', of_receiver(key, 'messages', id), of_receiver(key, 'tries', id))
end
local function is_leased(leases, id)
  return tonumber(redis.call('HGET', leases, id) or 0) > now()
end
