#!lua flags=allow-oom
-- Tells a gateway that a job has ended.
-- KEYS: replies
-- ARGV: replies_kept, ttl_s, news**
redis.call('XADD', key.replies, 'MAXLEN', '~', arg.replies_kept, '*', unpack(ARGV, arg.news_at))
-- What a gateway that is gone did not read is kept no longer, though others are still told there.
redis.call('XTRIM', key.replies, 'MINID', 1000 * (redis.call('TIME')[1] - arg.ttl_s))
-- Not at every reply: each would be one more line of the append-only file.
if redis.call('TTL', key.replies) < arg.ttl_s / 2 then redis.call('EXPIRE', key.replies, arg.ttl_s) end
return 1
