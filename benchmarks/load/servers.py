"""Servers under measurement: each in a session of its own, its CPU added up over every process, ended for sure."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Self

import psutil
import redis

from benchmarks.load.client import LoadFailed, load

START_S = 60.0
STOP_S = 8.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """A command that serves HTTP on `port`, with every process it starts."""

    def __init__(
        self, command: list[str], *, port: int, folder: Path, cwd: Path, environment: Mapping[str, str]
    ) -> None:
        folder.mkdir(parents=True)
        self.port, self._log = port, folder / "log"
        bare = {"PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": str(folder), "LANG": "C.UTF-8"}
        with self._log.open("ab") as output:
            self._process = psutil.Popen(
                command,
                env={**bare, **environment},
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def processes(self) -> list[psutil.Process]:
        """The whole tree, root first."""
        with contextlib.suppress(psutil.NoSuchProcess):
            return [self._process, *self._process.children(recursive=True)]
        return []

    def cpu(self) -> float:
        """User and system seconds of every process of the tree, and of those that have ended and were waited for."""
        seconds = 0.0
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                seconds += times.user + times.system + times.children_user + times.children_system
        return seconds

    def until_answering(self, request: bytes) -> Self:
        """Raises LoadFailed, with the end of the log, where the first good answer takes too long."""
        deadline = time.monotonic() + START_S
        while True:
            try:
                load(self.port, request, connections=1, seconds=0.05, ramp_s=0.0, server_cpu=float)
                return self
            except (LoadFailed, OSError) as error:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise LoadFailed(f"{error}\n{self.log_end()}") from error
            time.sleep(0.2)

    def freeze(self) -> None:
        """Take no CPU until `thaw`: some servers poll while nobody asks."""
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.suspend()

    def thaw(self) -> None:
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()

    def log_end(self) -> str:
        lines = self._log.read_text(errors="replace").splitlines()[-20:]
        return "\n".join(["its log ends with", *lines])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.thaw()
        tree = self.processes()
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        with contextlib.suppress(psutil.TimeoutExpired):
            self._process.wait(STOP_S)
        # What outlives its parent, as some peers' helpers do, is neither waited for nor left behind.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        for process in tree:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(tree, timeout=STOP_S)


class SmoothGen(Server):
    """`smoothgen serve` from a source tree: embedded Redis, one gateway, one worker."""

    def __init__(self, tree: Path, model: str, *, folder: Path) -> None:
        port = free_port()
        command = [sys.executable, "-c", "from smoothgen.cli import main; main()", "serve"]
        command += ["--port", str(port), "--state", str(folder / "state"), "--model", model, "--workers", "1"]
        super().__init__(command, port=port, folder=folder, cwd=tree, environment={"PYTHONPATH": str(tree)})

    def fsync(self, policy: str) -> None:
        """Set the embedded Redis's appendfsync: `always` as it is served, or `no` as peers that keep nothing."""
        with contextlib.closing(redis.Redis.from_url(self._redis_url)) as client:
            client.config_set("appendfsync", policy)

    @cached_property
    def _redis_url(self) -> str:
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):  # Redis forks for its housekeeping
                if "app" in process.cmdline() and (url := process.environ().get("SMOOTHGEN_REDIS_URL")):
                    return url
        raise LoadFailed("no gateway process with a SMOOTHGEN_REDIS_URL runs under `smoothgen serve`")
