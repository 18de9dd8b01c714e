-- Gives a receiver of webhooks a new secret, and keeps the old one for a while. Answers 0 where there is no such one.
-- USES: now
-- KEYS: receiver
-- ARGV: secret, overlap_s
local old = redis.call('HGET', key.receiver, 'secret')
if not old then return 0 end
redis.call('HSET', key.receiver, 'secret', arg.secret, 'old_secret', old, 'old_until_s', now() + arg.overlap_s)
return 1
