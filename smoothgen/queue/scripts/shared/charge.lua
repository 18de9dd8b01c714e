-- What jobs that have not ended owe in samples and hold in bytes: "{tenant} samples", "{tenant} bytes", "* bytes".
local function charge(accounts, field, amount)
  if amount ~= 0 and redis.call('HINCRBY', accounts, field, amount) == 0 then redis.call('HDEL', accounts, field) end
end
