"""The public signing keys of the gateways of one Redis, as they vouch for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from redis.asyncio import Redis

from smoothgen.queue import keys
from smoothgen.queue.connection import redis_errors


class SigningKeyRecords:
    """Vouched keys in Redis. Whoever reads them decides which to believe. Every method raises QueueUnavailable when
    Redis cannot be reached."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def publish(self, vouched: Mapping[str, str]) -> None:
        """Stores keys by their ids, in place of what was stored of them before."""
        if vouched:
            with redis_errors():
                await self._redis.hset(keys.SIGNING_KEYS, mapping=dict(vouched))

    async def all(self) -> dict[str, str]:
        """Returns what is stored, by the keys' ids."""
        with redis_errors():
            return dict(await self._redis.hgetall(keys.SIGNING_KEYS))

    async def forget(self, kids: Iterable[str]) -> None:
        """Deletes keys by their ids."""
        if gone := list(kids):
            with redis_errors():
                await self._redis.hdel(keys.SIGNING_KEYS, *gone)
