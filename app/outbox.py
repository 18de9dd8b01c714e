"""Reading an outbox: one task a reader, which hands entries on and does not give up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import structlog
from redis.exceptions import RedisError

from smoothgen.errors import QueueUnavailable
from smoothgen.queue.outbox import Outbox, OutboxEntry

_MOST_AT_ONCE: Final = 100
_BLOCK_MS: Final = 2000
_RETRY_S: Final = 1.0
_GATHER_S: Final = 0.1
"""How long a reader rests after entries, so that busy gateways deal with many in one commit. An entry that comes alone
does not wait."""

Handle = Callable[[Sequence[OutboxEntry]], Awaitable[Sequence[OutboxEntry]]]
"""Deals with entries, and returns those that need not be given again. The others are, after the outbox's lease. Where
it raises, nothing can be dealt with now: all are given again a second later, and no others before.

It may be given an entry twice, and one that another gateway is dealing with. Entries that it can never deal with, it
logs and returns."""


class OutboxReader:
    """Hands the entries of an outbox to a handler, and acknowledges them when it has dealt with them."""

    def __init__(self, outbox: Outbox, handle: Handle) -> None:
        self._outbox, self._handle = outbox, handle
        self._stopping = False
        self._task: asyncio.Task[None] | None = None
        self.trouble: str | None = None
        """Why entries are not dealt with now, None where they are."""

    def start(self) -> None:
        """Begins to read the outbox."""
        self._task = asyncio.create_task(self._read_forever(), name=f"outbox {self._outbox.reader}")

    async def stop(self) -> None:
        """Stops reading. What was not acknowledged is read again, by another gateway or a later one."""
        self._stopping = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _read_forever(self) -> None:
        while not self._stopping:  # a Redis client may swallow the cancellation that ends this task
            try:
                entries = await self._outbox.take(_MOST_AT_ONCE, _BLOCK_MS)
                if entries:
                    await self._outbox.acknowledge(await self._handled(entries))
                self.trouble = None
                await asyncio.sleep(_GATHER_S if entries else 0)
            except (QueueUnavailable, RedisError) as error:
                self._say_once(str(error))
                await asyncio.sleep(_RETRY_S)
            except Exception:  # a dead reader would let the outbox grow
                structlog.get_logger().exception("outbox_failed", reader=self._outbox.reader)
                await asyncio.sleep(_RETRY_S)

    async def _handled(self, entries: Sequence[OutboxEntry]) -> Sequence[OutboxEntry]:
        """Gives entries to the handler until it does not raise: to take further ones meanwhile would help nobody.
        Returns what it has dealt with, nothing where the gateway stops before."""
        while not self._stopping:
            try:
                return await self._handle(entries)
            except Exception as error:
                self._say_once(f"{type(error).__name__}: {error}")
                await asyncio.sleep(_RETRY_S)
        return ()

    def _say_once(self, detail: str) -> None:
        if detail != self.trouble:  # it is tried every second
            self.trouble = detail
            structlog.get_logger().warning("outbox_waits", reader=self._outbox.reader, detail=detail)
