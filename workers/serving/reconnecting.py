"""Calls of Redis that are repeated until it answers."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import structlog

from smoothgen.errors import QueueUnavailable

_RECONNECT_S: Final = 0.5
_TELL_AGAIN_S: Final = 10.0
"""How often the log hears of a Redis that stays away for the same reason."""

Answer = TypeVar("Answer")


class Reconnecting:
    """Repeats calls while Redis is away, until the worker stops."""

    def __init__(self, stopping: asyncio.Event, drain_timeout_s: float, worker_id: str, address: str) -> None:
        """address: of Redis, for the log, without its password."""
        self._stopping, self._drain_timeout_s, self._address = stopping, drain_timeout_s, address
        self._log = structlog.get_logger().bind(worker=worker_id)
        self._told, self._told_at = "", 0.0

    async def until_answered(self, call: Callable[[], Awaitable[Answer]], *, owed: bool = False) -> Answer | None:
        """Returns the answer, or None where the worker is told to stop before it comes.

        owed: the call stores an outcome or hands work items back. It is repeated for the drain timeout even after the
        worker was told to stop.
        """
        give_up: float | None = None
        while True:
            try:
                answer = await call()
            except QueueUnavailable as error:
                self._tell(str(error))
                if self._stopping.is_set():
                    give_up = give_up or time.monotonic() + (self._drain_timeout_s if owed else 0.0)
                    if time.monotonic() >= give_up:
                        return None
                await asyncio.sleep(_RECONNECT_S)
            else:
                self._told = ""
                return answer

    def _tell(self, reason: str) -> None:
        """Logs why Redis is away: at once where the reason is new, else now and then."""
        now = time.monotonic()
        if reason != self._told or now - self._told_at >= _TELL_AGAIN_S:
            self._log.warning("redis_away", detail=reason, redis=self._address)
            self._told, self._told_at = reason, now


async def set_within(event: asyncio.Event, seconds: float) -> bool:
    """Returns whether the event is set, after waiting for it for at most so many seconds."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
    return event.is_set()
