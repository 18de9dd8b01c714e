"""API keys in Redis: made, read, changed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from redis.asyncio import Redis

from smoothgen.access.records import KeyRecord
from smoothgen.errors import NotFound
from smoothgen.queue import keys
from smoothgen.queue.clock import Clock
from smoothgen.queue.connection import redis_errors
from smoothgen.queue.pipeline import Pipeline
from smoothgen.queue.scripts.access import ReplaceRecord


class KeyStore:
    """API keys in Redis. Every method raises QueueUnavailable when Redis cannot be reached."""

    def __init__(self, redis: Redis) -> None:
        self._redis, self._scripts, self._clock = redis, Pipeline(redis), Clock(redis)

    async def now(self) -> datetime:
        """Returns the time by Redis's clock, by which keys expire."""
        return datetime.fromtimestamp(await self._clock.now(), UTC)

    def last_known_time(self) -> datetime:
        """Returns the time by the last reading of Redis's clock. Asks nobody."""
        return datetime.fromtimestamp(self._clock.last(), UTC)

    async def is_empty(self) -> bool:
        """Returns whether no key was ever made."""
        with redis_errors():
            return not await self._redis.exists(keys.API_KEYS)

    async def all(self) -> list[KeyRecord]:
        """Returns every key that was ever made, the oldest first."""
        with redis_errors():
            texts = await self._redis.hgetall(keys.API_KEYS)
        return sorted(map(KeyRecord.model_validate_json, texts.values()), key=lambda record: record.created_at)

    async def read(self, key_id: str) -> KeyRecord | None:
        """Returns one key, None where there is none of this id."""
        text = await self._text(key_id)
        return None if text is None else KeyRecord.model_validate_json(text)

    async def add(self, record: KeyRecord) -> None:
        """Keeps a new key."""
        if not await self._replaced(record.id, None, record):
            raise ValueError(f"there is a key {record.id} already")

    async def change(self, key_id: str, changed: Callable[[KeyRecord], KeyRecord]) -> KeyRecord:
        """Replaces a key by what `changed` makes of it, and returns that. Raises NotFound, and what `changed` raises.

        Where somebody else changes the key at the same moment, `changed` is asked again.
        """
        while True:
            before = await self._text(key_id)
            if before is None:
                raise NotFound(f"no API key has the id {key_id!r:.80}; `smoothgen keys list` shows those there are")
            after = changed(KeyRecord.model_validate_json(before))
            if await self._replaced(key_id, before, after):
                return after

    async def _text(self, key_id: str) -> str | None:
        with redis_errors():
            text: str | None = await self._redis.hget(keys.API_KEYS, key_id)
        return text

    async def _replaced(self, key_id: str, before: str | None, after: KeyRecord) -> bool:
        call = ReplaceRecord(
            api_keys=keys.API_KEYS, key_id=key_id, before=before, after=after.model_dump_json(exclude_none=True)
        )
        return bool(await self._scripts.call(call))
