"""A container engine for one run: Debian's dockerd with its data in a folder of the run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

CLIENT = Path("/usr/bin/docker")
"""The client of Debian's docker.io. It builds with BuildKit by itself; later releases need a plug-in for that."""
ROOT = Path(__file__).parents[2]
_START_S = 60.0


class CannotStart(Exception):
    """The engine does not start here; the text is what it said last."""


class Engine:
    """Runs for as long as the block does. network: whether it may make bridges and firewall rules; without, containers
    have the network of whoever started it, or none. Its containers are in a control group that is named after the
    folder of `state`."""

    def __init__(self, data: Path, state: Path, *, network: bool) -> None:
        self._data, self._state, self._network = data, state, network
        self.host = f"unix://{state / 'sock'}"

    def __enter__(self) -> Self:
        self._state.mkdir(parents=True, exist_ok=True)
        command = [
            "dockerd",
            f"--data-root={self._data}",
            f"--exec-root={self._state / 'exec'}",
            f"--pidfile={self._state / 'pid'}",
            f"--host={self.host}",
            f"--cgroup-parent=/{self._state.parent.name}",
        ]
        if not self._network:
            command += ["--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-masq=false"]
            command += ["--ip-forward=false"]
        self.log = self._state / "dockerd.log"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + _START_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self._stop()
                raise CannotStart(_last_line(self.log))
            time.sleep(0.2)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def docker(self, *arguments: str | Path, given: bytes | None = None, seconds: float = 600) -> str:
        """Returns what a `docker` command prints. Raises CommandFailed where it fails."""
        return run([str(CLIENT), *map(str, arguments)], self.environment(), given=given, seconds=seconds)

    def inspect(self, name: str) -> Any:
        """Returns what the engine knows of a container or an image."""
        return json.loads(self.docker("inspect", name))[0]

    def environment(self, **more: str) -> dict[str, str]:
        """Returns the variables a client needs, without any of the caller's own that compose could read."""
        own = {"PATH": os.environ["PATH"], "HOME": str(self._state), "DOCKER_HOST": self.host, "DOCKER_BUILDKIT": "1"}
        return own | more

    def _answers(self) -> bool:
        asked = [str(CLIENT), "version"]
        return subprocess.run(asked, env=self.environment(), capture_output=True, check=False).returncode == 0

    def _stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class CommandFailed(Exception):
    """A command of the run failed; the text has the command and the last lines that it wrote."""


def run(
    command: Sequence[str], environment: dict[str, str], *, given: bytes | None = None, seconds: float = 600
) -> str:
    """Returns what a command prints on stdout. Raises CommandFailed where its exit code is not 0 or it takes longer."""
    try:
        done = subprocess.run(
            command, env=environment, input=given, capture_output=True, timeout=seconds, check=False, cwd=ROOT
        )
    except subprocess.TimeoutExpired as error:
        raise CommandFailed(f"{' '.join(command)}: not done within {seconds:.0f} s") from error
    if done.returncode != 0:
        said = (done.stdout + done.stderr).decode(errors="replace").strip().splitlines()[-30:]
        raise CommandFailed("\n".join([f"{' '.join(command)}: exit code {done.returncode}", *said]))
    return done.stdout.decode()


def tool(name: str) -> str:
    """Returns the path of a command of this virtual environment."""
    return str(Path(sys.executable).parent / name)


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it wrote nothing"
