#!lua flags=allow-oom
-- Publishes the cards of models.
-- KEYS: cards
-- ARGV: published**
redis.call('HSET', key.cards, unpack(ARGV))
return 1
