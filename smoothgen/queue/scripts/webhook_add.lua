-- Registers a receiver of webhooks. Answers 1, or 0 where its tenant has `most` of them already.
-- KEYS: receivers, receiver, all
-- ARGV: id, most, fields**
if redis.call('SCARD', key.receivers) >= tonumber(arg.most) then return 0 end
redis.call('SADD', key.receivers, arg.id)
redis.call('SADD', key.all, arg.id)
redis.call('HSET', key.receiver, unpack(ARGV, arg.fields_at))
return 1
