"""Calls to a Redis that may be away: they are repeated until it answers, or until the worker must leave."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import structlog

from smoothgen.errors import QueueUnavailable

_PAUSE_S: Final = 0.5

Answer = TypeVar("Answer")


class RedisRetries:
    """Repeats one worker's calls. Every step of the queue may be sent twice, so a repetition does no harm."""

    def __init__(self, stopping: asyncio.Event, drain_s: float, worker_id: str) -> None:
        """stopping: set when the worker is told to stop; drain_s: how long it may still try to store outcomes."""
        self._stopping, self._drain_s = stopping, drain_s
        self._log = structlog.get_logger().bind(worker=worker_id)

    async def until_answered(self, call: Callable[[], Awaitable[Answer]], *, owed: bool = False) -> Answer | None:
        """Returns the answer of the first call that Redis answers.

        Returns None when the worker is told to stop: at once, or after the drain time where an outcome is `owed`.
        """
        give_up: float | None = None
        while True:
            try:
                return await call()
            except QueueUnavailable as error:
                self._log.warning("redis_away", detail=str(error))
                if self._stopping.is_set():
                    give_up = give_up or time.monotonic() + (self._drain_s if owed else 0.0)
                    if time.monotonic() >= give_up:
                        return None
                await asyncio.sleep(_PAUSE_S)
