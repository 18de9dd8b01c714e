#!lua flags=allow-oom
-- Makes a message due at every enabled receiver of a tenant that asked for its event. One for which `most` wait already
-- is disabled. Answers {at how many receivers it is due, how many were disabled}. A repeated call changes nothing where
-- the message still waits. A full Redis takes it too: it follows from a job that was accepted.
-- USES: webhook
-- KEYS: receivers, due, leases
-- ARGV: event, message, most, reason
local count, disabled = 0, 0
for _, id in ipairs(redis.call('SMEMBERS', key.receivers)) do
  local receiver = redis.call('HMGET', of_receiver(key.due, 'receiver', id), 'events', 'disabled')
  local messages = of_receiver(key.due, 'messages', id)
  if receiver[1] and not receiver[2] and string.find(' ' .. receiver[1] .. ' ', ' ' .. arg.event .. ' ', 1, true) then
    if redis.call('ZCARD', messages) >= tonumber(arg.most) then
      disable(key.due, id, arg.reason)
      redis.call('ZREM', key.due, id)
      disabled = disabled + 1
    else
      local time = now()
      redis.call('ZADD', messages, 'NX', time, arg.message)
      if not is_leased(key.leases, id) then redis.call('ZADD', key.due, 'LT', time, id) end
      count = count + 1
    end
  end
end
return {count, disabled}
