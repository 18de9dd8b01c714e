"""Waiting at several slots of a cluster at once, until the first of them has something.

A command that blocks may name keys of one slot only. So one is sent for each slot, and when the first is answered the
others are told to end (CLIENT UNBLOCK), and their answers are waited for too: a connection that was closed instead
might be given a work item that nobody reads.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import RedisError, TryAgainError

from smoothgen.queue.cluster.client import ClusterRedis
from smoothgen.queue.cluster.slots import slot_of
from smoothgen.queue.keys import Key

_UNBLOCK_AGAIN_S: Final = 0.02
"""The command may not have reached its node when it was told to end."""

Read = Callable[[Redis], Awaitable[Any]]
"""Sends a command that blocks, and returns its answer: nothing where nothing came."""


def by_slot(names: Iterable[Key]) -> list[list[Key]]:
    """Returns the keys in groups that one command may name."""
    groups = defaultdict[int, list[Key]](list)
    for name in names:
        groups[slot_of(name)].append(name)
    return list(groups.values())


async def answers_of_first(cluster: ClusterRedis, reads: Sequence[tuple[Key, Read]]) -> list[Any]:
    """Returns the answers that are not empty: that of the read which is answered first, and what came to others
    meanwhile. Each read is given with one of its keys. Raises what a read met, where none was answered."""
    waits = [_Wait(cluster, slot_of(key), read) for key, read in reads]
    try:
        pending = {wait.task for wait in waits}
        while pending:
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            if any(task.exception() is None and task.result() for task in done):
                break
        await asyncio.gather(*(wait.end() for wait in waits))
    finally:
        for wait in waits:
            wait.task.cancel()
    answers = [wait.task.result() for wait in waits if wait.task.exception() is None and wait.task.result()]
    failures = [failure for wait in waits if (failure := wait.task.exception()) is not None]
    if failures and not answers:
        raise failures[0]
    return answers


class _Wait:
    """One command that blocks, on a connection of its own."""

    def __init__(self, cluster: ClusterRedis, slot: int, read: Read) -> None:
        self._read = read
        self._blocked: tuple[Redis, int] | None = None
        self.task = asyncio.create_task(cluster.at_owner(slot, self._sent))

    async def _sent(self, client: Redis, *, asking: bool) -> Any:
        if asking:
            raise TryAgainError("the keys that are waited for are being moved")
        async with client.client() as alone:
            self._blocked = client, await alone.client_id()
            try:
                return await self._read(alone)
            finally:
                self._blocked = None

    async def end(self) -> None:
        """Ends the command, and waits for its answer."""
        while not self.task.done():
            if self._blocked is not None:
                client, connection = self._blocked
                with contextlib.suppress(RedisError):
                    await client.client_unblock(connection)
            await asyncio.wait([self.task], timeout=_UNBLOCK_AGAIN_S)
