#!lua flags=allow-oom
-- Enables a receiver of webhooks again. Answers whether it had been disabled.
-- KEYS: receiver
-- ARGV:
return redis.call('HDEL', key.receiver, 'disabled', 'reason', 'failure')
