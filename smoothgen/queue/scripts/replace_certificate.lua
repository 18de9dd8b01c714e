#!lua flags=allow-oom
-- Replaces a certificate and its signature by those of another form of it, which are kept as long. Does nothing where
-- the certificate is not kept any more, or is another document by now.
-- KEYS: certificate, signature
-- ARGV: sha1, document, jws
local document = redis.call('GET', key.certificate)
if not document or redis.sha1hex(document) ~= arg.sha1 then return end
redis.call('SET', key.certificate, arg.document, 'KEEPTTL')
redis.call('DEL', key.signature)
if arg.jws ~= '' then
  redis.call('SET', key.signature, arg.jws, 'PX', math.max(redis.call('PTTL', key.certificate), 1))
end
