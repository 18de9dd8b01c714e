"""Real processes for tests: a Redis that can be killed and come back, gateways, workers, `smoothgen serve`."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self, TypeVar

import httpx2
import redis

from tests.support.cluster import Cluster
from tests.support.eventually import eventually
from tests.support.server import Server, stream_lengths

ROOT = Path(__file__).parents[2]
BARE = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
TANH, SLOW, FASHION = "closed-form-tanh", "closed-form-slow", "fashion-32"
LOADING_S = 180.0
"""A worker of a real model reads torch and weights first, on a busy machine beside others that do."""

Answer = TypeVar("Answer")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Redis(Server):
    """Valkey alone."""

    def __init__(self, folder: Path, data: Path | None = None) -> None:
        """folder: for its log and, unless `data` is another, its files."""
        self._folder, self._data, self.port = folder, data, free_port()
        self.start()
        self.client = redis.Redis(port=self.port, decode_responses=True)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        self.launch(self._folder, self._data)

    def stream_lengths(self) -> dict[str, int]:
        return stream_lengths(self.client)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self._server.terminate()


KIND: type[Any] = Cluster if os.environ.get("SMOOTHGEN_TEST_REDIS") == "cluster" else Redis
"""What tests run on: one server, or a cluster of three where the variable says so (docs/operations/cluster.md)."""

_AT_ANOTHER_TIME = """
import datetime, runpy, time
real, kind, ahead_s = time.time, datetime.datetime, float({ahead_s!r})
class Shifted(kind):
    @classmethod
    def now(cls, tz=None):
        return super().now(tz) + datetime.timedelta(seconds=ahead_s)
time.time, datetime.datetime = lambda: real() + ahead_s, Shifted
runpy.run_module({module!r}, run_name="__main__", alter_sys=True)
"""


def running(module: str, ahead_s: float = 0.0) -> list[str]:
    """Python's arguments that run a module, on a machine whose clock is `ahead_s` seconds ahead."""
    return ["-c", _AT_ANOTHER_TIME.format(ahead_s=ahead_s, module=module)] if ahead_s else ["-m", module]


class Process:
    """A Python process of ours with nothing of the caller's environment, its output in a file."""

    def __init__(
        self,
        *arguments: str,
        log: Path,
        cwd: Path = ROOT,
        site: Path | None = None,
        environment: Mapping[str, str] | None = None,
        **settings: Any,
    ) -> None:
        """site: a folder of installed packages that the process sees beside its own. environment: variables that are
        no settings of ours."""
        texts = {name: v if isinstance(v, str) else json.dumps(v) for name, v in settings.items()}
        variables = {f"SMOOTHGEN_{name.upper()}": text for name, text in texts.items()} | dict(environment or {})
        self._log = log
        with log.open("ab") as output:
            self.popen = subprocess.Popen(
                [sys.executable, *arguments],
                env=BARE | variables | ({} if site is None else {"PYTHONPATH": str(site)}),
                cwd=cwd,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def log(self) -> str:
        return self._log.read_text()

    def signal(self, number: signal.Signals) -> None:
        self.popen.send_signal(number)

    def kill(self) -> None:
        self.popen.kill()
        self.popen.wait()

    def wait(self, timeout_s: float = LOADING_S) -> int:
        return self.popen.wait(timeout_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.popen.poll() is None:
            self.kill()


class Gateway(Process):
    """`python -m app`."""

    def __init__(
        self, redis_url: str, log: Path, port: int | None = None, *, ahead_s: float = 0.0, **settings: Any
    ) -> None:
        self.port = port or free_port()
        super().__init__(*running("app", ahead_s), log=log, redis_url=redis_url, port=self.port, **settings)
        self.http = httpx2.Client(base_url=self.url, timeout=60)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def until_alive(self) -> Self:
        eventually(lambda: self.popen.poll() is None and self.http.get("/livez").status_code == 200, LOADING_S)
        return self

    def until_ready(self) -> Self:
        eventually(lambda: self.http.get("/readyz").status_code == 200, LOADING_S)
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()
        super().__exit__()


class Worker(Process):
    """`python -m workers`."""

    def __init__(self, redis_url: str, log: Path, *models: str, ahead_s: float = 0.0, **settings: Any) -> None:
        super().__init__(*running("workers", ahead_s), log=log, redis_url=redis_url, models=list(models), **settings)

    def until_ready(self) -> Self:
        eventually(lambda: '"event": "ready"' in self.log or self.popen.poll() is not None, LOADING_S)
        assert self.popen.poll() is None, self.log
        return self


class HangingWorker(Worker):
    """`python -m tests.support.hanging_worker`: its device hangs while it is told to."""

    def __init__(self, redis_url: str, log: Path, *models: str, skew_s: float = 0.0, **settings: Any) -> None:
        """skew_s: how far its clock is ahead."""
        self._command = log.with_suffix(".hang")
        Process.__init__(
            self,
            *("-m", "tests.support.hanging_worker", str(self._command), str(skew_s)),
            log=log,
            redis_url=redis_url,
            models=list(models),
            **settings,
        )

    def hang(self, place: str = "generate") -> None:
        """From the next such call on."""
        draft = self._command.with_suffix(".draft")
        draft.write_text(place)
        draft.rename(self._command)

    def until_held(self) -> None:
        """Until it is in such a call."""
        eventually(self._command.with_suffix(".held").exists)

    def go_on(self) -> None:
        self._command.unlink(missing_ok=True)

    def __exit__(self, *exception: object) -> None:
        self.go_on()
        super().__exit__(*exception)


class Serve(Process):
    """`smoothgen serve` with an embedded Redis under `state`."""

    def __init__(
        self, state: Path, log: Path, *models: str, port: int | None = None, workers: int = 1, **settings: Any
    ) -> None:
        self.port = port or free_port()
        chosen = [part for model in models for part in ("--model", model)]
        arguments = ["serve", "--port", str(self.port), "--state", str(state), "--workers", str(workers), *chosen]
        super().__init__("-c", "from smoothgen.cli import main; main()", *arguments, log=log, **settings)
        self.http = httpx2.Client(base_url=self.url, timeout=60)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def until_serving(self) -> Self:
        eventually(lambda: "smoothgen: serving" in self.log or self.popen.poll() is not None, LOADING_S)
        assert self.popen.poll() is None, self.log
        return self

    def __exit__(self, *_: object) -> None:
        """Stopped, not killed: what it started stops with it."""
        self.http.close()
        if self.popen.poll() is None:
            self.signal(signal.SIGTERM)
            self.wait(30)


class Lab:
    """Starts processes of one test around one Redis and ends them with it."""

    def __init__(self, folder: Path, kind: Callable[[Path], Any] | None = None) -> None:
        """kind: what starts the Redis in a folder, KIND where it is None."""
        self.folder, self._stack, self._count = folder, ExitStack(), 0
        self.redis: Any = self._stack.enter_context((kind or KIND)(folder / "redis"))

    def _log(self, name: str) -> Path:
        self._count += 1
        return self.folder / f"{name}-{self._count}.log"

    def gateway(self, **settings: Any) -> Gateway:
        return self._stack.enter_context(Gateway(self.redis.url, self._log("gateway"), **settings)).until_ready()

    def worker(self, *models: str, **settings: Any) -> Worker:
        return self._stack.enter_context(Worker(self.redis.url, self._log("worker"), *models, **settings)).until_ready()

    def hanging_worker(self, *models: str, **settings: Any) -> HangingWorker:
        worker = HangingWorker(self.redis.url, self._log("hanging"), *models, **settings)
        self._stack.enter_context(worker).until_ready()
        return worker

    def keep(self, process: Answer) -> Answer:
        """End this one too."""
        return self._stack.enter_context(process)  # type: ignore[arg-type]

    def close(self) -> None:
        self._stack.close()
