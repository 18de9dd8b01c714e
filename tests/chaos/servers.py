"""The Redis of a chaos run and the trouble it gets into: one server, or a master with a replica."""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, ClassVar

from smoothgen.queue import keys
from tests.support.forwarder import Forwarder
from tests.support.processes import Redis
from tests.support.replicas import follow, promote, until_in_sync
from tests.support.small_disk import SmallDisk

LONGEST_STOP_S = 4.0
"""The longest a process hangs or is stopped: several leases, and less than clients wait."""
FAILOVER = "fail redis over"
_FULL_S = (1.0, 3.0)
_LAG_S = 1.0
_DISK_MB = 256
_LIVES = ("queued", "running")

Trouble = Callable[[random.Random], None]


class One:
    """One Redis with its file, on a disk that can be full. Every trouble is over when the call returns."""

    gateway_settings: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, folder: Path, exits: ExitStack) -> None:
        self._folder, self._exits, self._count = folder, exits, 0
        self._disks: dict[int, SmallDisk] = {}
        self.open_at_failover: Counter[str] = Counter()
        """How often each job had no outcome yet on the server that became the master."""
        self.master = self._server()

    @property
    def url(self) -> str:
        return self.master.url

    @property
    def kills(self) -> dict[str, Trouble]:
        return {"kill redis": self._kill}

    @property
    def stops(self) -> dict[str, Trouble]:
        return {"stop redis": lambda rng: _stop(self.master, rng)}

    @property
    def fills(self) -> dict[str, Trouble]:
        return {"fill memory": self._fill_memory, "fill disk": self._fill_disk}

    @property
    def failovers(self) -> dict[str, Trouble]:
        return {}

    def _server(self) -> Redis:
        self._count += 1
        folder = self._folder / f"redis-{self._count}"
        folder.mkdir(parents=True)
        disk = self._exits.enter_context(SmallDisk(folder, _DISK_MB))
        server = self._exits.enter_context(Redis(folder, data=disk.path))
        self._disks[server.port] = disk
        return server

    def _kill(self, rng: random.Random) -> None:
        self.master.kill()
        time.sleep(rng.uniform(0.0, 0.5))
        self._restart()

    def _restart(self) -> None:
        self.master.start()

    def _fill_memory(self, rng: random.Random) -> None:
        """Every write is refused that is not marked as allowed when memory is full."""
        self.master.client.config_set("maxmemory", 1)
        time.sleep(rng.uniform(*_FULL_S))
        self.master.client.config_set("maxmemory", 0)

    def _fill_disk(self, rng: random.Random) -> None:
        """The server ends at its next write, which it does not acknowledge."""
        disk = self._disks[self.master.port]
        disk.fill()
        time.sleep(rng.uniform(*_FULL_S))
        disk.free()
        if not self.master.runs():
            self.master.kill()
            self._restart()


class Pair(One):
    """A master with a replica, behind an address that leads to the master; a job is accepted when both have it."""

    gateway_settings: ClassVar[Mapping[str, Any]] = {"wait_replicas": 1}

    def __init__(self, folder: Path, exits: ExitStack) -> None:
        super().__init__(folder, exits)
        self._address = exits.enter_context(Forwarder(self.master.port))
        self._replica = self._new_replica()

    @property
    def url(self) -> str:
        return self._address.url

    @property
    def failovers(self) -> dict[str, Trouble]:
        return {FAILOVER: self._fail_over}

    @property
    def stops(self) -> dict[str, Trouble]:
        return {**super().stops, "stop replica": lambda rng: _stop(self._replica, rng)}

    def _server(self) -> Redis:
        server = super()._server()
        _sync_at_once(server)
        return server

    def _new_replica(self) -> Redis:
        replica = self._server()
        follow(replica, self.master)
        until_in_sync(self.master)
        return replica

    def _restart(self) -> None:
        super()._restart()
        _sync_at_once(self.master)
        until_in_sync(self.master)

    def _fail_over(self, rng: random.Random) -> None:
        """The replica is up to a second behind when the master is killed."""
        until_in_sync(self.master)
        self._replica.signal(signal.SIGSTOP)
        time.sleep(rng.uniform(0.0, _LAG_S))
        self.master.kill()
        self._replica.signal(signal.SIGCONT)
        promote(self._replica)
        self.master = self._replica
        self.open_at_failover.update(_open_jobs(self.master))  # nobody reaches it yet
        self._address.point_at(self.master.port)
        self._replica = self._new_replica()


def _stop(server: Redis, rng: random.Random) -> None:
    server.signal(signal.SIGSTOP)
    time.sleep(rng.uniform(0.1, LONGEST_STOP_S))
    server.signal(signal.SIGCONT)


def _sync_at_once(server: Redis) -> None:
    """Let replicas not wait for others before they synchronize, which is the default for five seconds."""
    server.client.config_set("repl-diskless-sync-delay", 0)


def _open_jobs(server: Redis) -> list[str]:
    """The ids of the jobs that have no outcome."""
    records = list(server.client.scan_iter(keys.of_all_models("job:"), count=1000))
    with server.client.pipeline(transaction=False) as pipeline:
        for record in records:
            pipeline.hget(record, "status")
        statuses = pipeline.execute()
    return [key.rpartition(":")[2] for key, status in zip(records, statuses, strict=True) if status in _LIVES]
