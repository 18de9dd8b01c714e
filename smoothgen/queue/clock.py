"""The clock of Redis: gateways and workers compare all times by it."""

from __future__ import annotations

import time
from typing import Final

from redis.asyncio import Redis

from smoothgen.queue.connection import redis_errors

FRESH_S: Final = 5.0
"""How long a reading is used. Between two readings this machine's monotonic clock counts the seconds."""


class Clock:
    """Tells the time on Redis, in Unix seconds.

    Machines need not agree on the time: a deadline that one machine writes, another compares with the same clock. A
    reading is off by half a round trip at most.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._ahead_s: float | None = None
        self._read_at = 0.0

    async def now(self) -> float:
        """Returns the time. Asks Redis where the last reading is not fresh. Raises QueueUnavailable."""
        if self._ahead_s is None or time.monotonic() - self._read_at > FRESH_S:
            sent = time.monotonic()
            with redis_errors():
                seconds, microseconds = await self._redis.time()
            self.set(seconds + microseconds / 1e6, sent)
        return self.last()

    async def now_ms(self) -> int:
        """Returns the time in whole milliseconds. Raises QueueUnavailable."""
        return int(await self.now() * 1000)

    def set(self, seconds: float, sent: float) -> None:
        """Takes over the time that Redis told just now. sent: when it was asked, on this machine's monotonic clock."""
        self._read_at = time.monotonic()
        self._ahead_s = seconds - (sent + self._read_at) / 2

    def last(self) -> float:
        """Returns the time by the last reading, or by this machine's clock where there was none yet. Asks nobody."""
        return time.time() if self._ahead_s is None else time.monotonic() + self._ahead_s
