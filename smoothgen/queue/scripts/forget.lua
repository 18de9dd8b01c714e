#!lua flags=allow-oom
-- Forgets a build that nobody serves any more, unless work of it waits.
-- USES: current, share
-- KEYS: builds, streams*
-- ARGV: build
for s = key.streams_at, #KEYS do
  release(KEYS[s])
  if redis.call('XLEN', KEYS[s]) > 0 then return 0 end
end
for s = key.streams_at, #KEYS do redis.call('DEL', KEYS[s], KEYS[s] .. ':share', KEYS[s] .. ':turns') end
redis.call('SREM', key.builds, arg.build)
return 1
