#!lua flags=allow-oom
-- Replaces the record of an API key, unless it is another than was read. A full Redis takes this too: a key must be
-- revocable at any time. Answers 1, or 0 where it was another.
-- KEYS: api_keys
-- ARGV: key_id, before, after
local found = redis.call('HGET', key.api_keys, arg.key_id) or ''
if found == arg.after then return 1 end  -- the answer to the first try was lost on the way
if found ~= arg.before then return 0 end
redis.call('HSET', key.api_keys, arg.key_id, arg.after)
return 1
