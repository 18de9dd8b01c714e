"""Many script calls in few round trips: calls that are made while one pipeline travels go with the next."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import Any, Protocol

from redis.asyncio import Redis

from smoothgen.errors import NotReplicated
from smoothgen.queue import keys
from smoothgen.queue.cluster import ClusterRedis
from smoothgen.queue.cluster.scripts import EveryNode
from smoothgen.queue.connection import redis_errors
from smoothgen.queue.replication import UNREPLICATED, Replication
from smoothgen.queue.scripts.probes import Barrier, Probe
from smoothgen.queue.scripts.script import ScriptCall
from smoothgen.queue.sending import Sender, Sent


class _Servers(Protocol):
    """Where scripts run: one server, or every node of a cluster."""

    async def answer(self, call: ScriptCall) -> Any:
        """Returns a script's answer."""

    async def barrier(self, written: Iterable[keys.Key]) -> None:
        """Waits until replicas have what was written of these keys, and everything that was written before."""

    async def probe(self) -> None:
        """Writes something to every server that serves keys."""


class Pipeline:
    """Runs scripts. A call raises QueueUnavailable when Redis cannot be reached; it may then have run.

    Where replicas must confirm, one WAIT a pipeline asks them. Scripts that need no confirmation travel apart, and
    never wait for it.
    """

    def __init__(self, redis: Redis, replication: Replication = UNREPLICATED) -> None:
        self._confirms = replication.replicas > 0
        self._servers: _Servers = (
            EveryNode(redis, replication) if isinstance(redis, ClusterRedis) else _OneServer(redis, replication)
        )

    async def call(self, call: ScriptCall) -> Any:
        """Returns one script's answer. Raises NotReplicated, a QueueUnavailable, where too few replicas confirmed in
        time what it did."""
        with redis_errors():
            return await self._servers.answer(call)

    async def settle(self, written: Iterable[keys.Key]) -> None:
        """Waits until replicas have what was written of these keys so far, where they must confirm, and no longer than
        a confirmation may take."""
        if self._confirms:
            with redis_errors(), contextlib.suppress(NotReplicated):
                await self._servers.barrier(written)

    async def require_writable(self) -> None:
        """Raises QueueUnavailable where a server takes no writes, or its replicas confirm none."""
        with redis_errors():
            await self._servers.probe()


class _OneServer:
    """All scripts run on one server."""

    def __init__(self, redis: Redis, replication: Replication) -> None:
        self._direct = Sender(redis)
        self._confirmed = Sender(redis, replication, _barrier) if replication.replicas else self._direct

    async def answer(self, call: ScriptCall) -> Any:
        """Returns a script's answer."""
        return await (self._confirmed if call.script.replicated else self._direct).asked(Sent.of(call))

    async def barrier(self, written: Iterable[keys.Key]) -> None:  # noqa: ARG002 (one server has them all)
        """Waits until replicas have everything that was written so far, of whichever keys."""
        await self.answer(Barrier(probe=keys.PROBE))

    async def probe(self) -> None:
        """Writes something."""
        await self.answer(Probe(probe=keys.PROBE))


def _barrier(_: Sent) -> Sent:
    return Sent.of(Barrier(probe=keys.PROBE))
