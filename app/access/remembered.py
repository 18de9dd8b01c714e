"""What was read from Redis, kept for a moment, and for longer while Redis is away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

from smoothgen.errors import QueueUnavailable

Value = TypeVar("Value")
FRESH_S: Final = 2.0
"""How old a value may be: a key that is revoked goes on for so long at most."""
_PATIENCE_S: Final = 1.0
"""How long a Redis that does not answer is waited for where the last value will do."""


class Remembered(Generic[Value]):
    """A value in Redis. It is read again when it is older than FRESH_S; a Redis that is away leaves the last value in
    use until that is `grace_s` old."""

    def __init__(self, read: Callable[[], Awaitable[Value]], grace_s: float) -> None:
        self._read, self._grace_s = read, grace_s
        self._last: tuple[Value, float] | None = None
        self._ask_again_at = 0.0

    async def value(self) -> Value:
        """Returns the value. Raises QueueUnavailable where Redis is away and there is no last value that will do."""
        asked = time.monotonic()
        last = self._last
        if last is None or asked - last[1] > self._grace_s:
            return self._keep(await self._read(), asked)
        if asked - last[1] <= FRESH_S or asked < self._ask_again_at:
            return last[0]
        try:
            async with asyncio.timeout(_PATIENCE_S):
                return self._keep(await self._read(), asked)
        except (QueueUnavailable, TimeoutError):
            self._ask_again_at = time.monotonic() + FRESH_S
            return last[0]

    def _keep(self, value: Value, asked: float) -> Value:
        """Keeps what was asked for at this time, unless something newer came meanwhile."""
        if self._last is None or asked >= self._last[1]:
            self._last = value, asked
        return value
