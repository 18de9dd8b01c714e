"""A PostgreSQL of a test's own, which can be killed, stopped and started again."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Self

import psycopg

from tests.support.processes import eventually, free_port

_OWNER = "postgres"
_STARTS_S = 60.0


def _binaries() -> Path:
    """The folder of PostgreSQL's programs, the newest that is installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("initdb")
    if not found and on_path is None:
        raise RuntimeError(
            "these tests need PostgreSQL's server: apt-get install -y --no-install-recommends postgresql"
        )
    return found[-1].parent if found else Path(str(on_path)).parent


class Postgres:
    """A cluster in a temporary folder, on a port it keeps, with one empty database."""

    def __init__(self) -> None:
        self._programs, self._folder, self.port = _binaries(), Path(tempfile.mkdtemp(prefix="postgres-")), free_port()
        self._process: subprocess.Popen[bytes] | None = None
        # The server refuses to run as root.
        self._user: dict[str, Any] = {"user": _OWNER, "group": _OWNER} if os.geteuid() == 0 else {}
        if self._user:
            shutil.chown(self._folder, _OWNER, _OWNER)
        self._run("initdb", "--no-sync", "--auth=trust", f"--username={_OWNER}", "-D", str(self._data))
        self.start()

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    @property
    def url(self) -> str:
        return f"postgresql://{_OWNER}@127.0.0.1:{self.port}/postgres"

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), *arguments]
        subprocess.run(command, check=True, capture_output=True, cwd=self._folder, **self._user)

    def start(self) -> None:
        options = {"port": self.port, "listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off"}
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        with (self._folder.parent / f"{self._folder.name}.log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(self._programs / "postgres"), "-D", str(self._data), *settings],
                cwd=self._folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **self._user,
            )
        eventually(self._answers, _STARTS_S)

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def execute(self, statement: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement)

    def kill(self) -> None:
        """kill -9 of all its processes."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for lock in self._data.glob("postmaster.pid"):
            lock.unlink()

    def signal(self, number: signal.Signals) -> None:
        """To all its processes."""
        assert self._process is not None
        os.killpg(self._process.pid, number)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None and self._process.poll() is None:
            self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)
        (self._folder.parent / f"{self._folder.name}.log").unlink(missing_ok=True)
