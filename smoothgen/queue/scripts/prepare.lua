#!lua flags=allow-oom
-- Makes sure that the streams of a build and their groups exist.
-- KEYS: builds, streams*
-- ARGV: group, build
redis.call('SADD', key.builds, arg.build)
for s = key.streams_at, #KEYS do
  local made = redis.pcall('XGROUP', 'CREATE', KEYS[s], arg.group, '0', 'MKSTREAM')
  if type(made) == 'table' and made.err and not string.find(made.err, 'BUSYGROUP', 1, true) then return made end
end
return 1
