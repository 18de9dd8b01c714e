#!lua flags=allow-oom
-- Stores a certificate's signature once, for as long as the certificate is kept. Answers the signature that is stored,
-- false where the certificate is not kept any more, or was replaced by another document.
-- KEYS: certificate, signature
-- ARGV: sha1, jws
local document = redis.call('GET', key.certificate)
if not document or redis.sha1hex(document) ~= arg.sha1 then return false end
redis.call('SET', key.signature, arg.jws, 'NX', 'PX', math.max(redis.call('PTTL', key.certificate), 1))
return redis.call('GET', key.signature)
