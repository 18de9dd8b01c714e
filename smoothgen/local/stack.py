"""`smoothgen serve`: queue, gateway and workers as processes of one machine, started, watched and stopped together."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import httpx2

from smoothgen.errors import SmoothGenError
from smoothgen.ledger.location import ledger_file, sqlite_url
from smoothgen.local.redis import EmbeddedRedis
from smoothgen.local.telling import Say, serve_log_format, teller
from smoothgen.process.cores import available_cores
from smoothgen.process.default_models import DEFAULT_MODELS
from smoothgen.process.draining import DRAIN_TIMEOUT_S, GOODBYE_S, GRACE_S

_TICK_S = 0.2
_QUICK_DEATH_S = 60.0
_QUICK_DEATHS = 3
_ROOM_S = 2.0
"""How often a full disk is looked at."""
_CANNOT_START = 1
"""Exit code of a worker that would fail the same way again; it has said why in one line."""
_STOP_MARGIN_S = 10.0
"""What a process has beyond the time that stopping takes. One that takes longer does not run: it is stopped, or
waits inside the kernel."""
_PR_SET_PDEATHSIG = 1


def child_environment(**settings: object) -> dict[str, str]:
    """Returns this process's environment with SMOOTHGEN_<NAME> set for every setting that is not None."""
    given = {
        f"SMOOTHGEN_{name.upper()}": value if isinstance(value, str) else json.dumps(value)
        for name, value in settings.items()
        if value is not None
    }
    return {**os.environ, **given}


@dataclass
class _Child:
    """A process that is started again when it dies."""

    name: str
    module: str
    environment: dict[str, str]
    say: Say
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    quick_deaths: int = 0
    restarted: bool = False

    def start(self) -> None:
        self.started = time.monotonic()
        self.process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", self.module], env=self.environment, preexec_fn=die_with_parent
        )

    def died(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def hopeless(self) -> bool:
        """Returns whether its first start failed for a reason that another would meet again. Once it has been up, the
        reason may pass, such as memory that a killed one has not given back yet."""
        failed = self.process is not None and self.process.poll() == _CANNOT_START
        return failed and not self.restarted

    def restart(self) -> None:
        """Starts the process again. Raises SmoothGenError after three quick deaths in a row."""
        code = self.process.returncode if self.process else None
        # One that cannot start may take minutes to find out.
        quick = time.monotonic() - self.started < _QUICK_DEATH_S or code == _CANNOT_START
        # A killed process (negative code) is the operator's doing or the kernel's, and says nothing about start-up.
        self.quick_deaths = self.quick_deaths + 1 if quick and code is not None and code > 0 else 0
        if self.quick_deaths >= _QUICK_DEATHS:
            raise SmoothGenError(f"the {self.name} does not stay up (exit code {code}); its last lines above say why")
        self.say(f"the {self.name} ended with code {code}; starting it again", "warning")
        time.sleep(min(1.0, 0.2 * (1 + self.quick_deaths)))
        self.restarted = True
        self.start()


class Stack:
    """The processes that `smoothgen serve` runs."""

    def __init__(
        self,
        *,
        host: str,
        port: int,
        state: Path,
        redis: str | None,
        workers: int,
        models: list[str] | None,
    ) -> None:
        self._host, self._port, self._redis_url, self._state = host, port, redis, state
        self._embedded = None if redis else EmbeddedRedis(state / "redis")
        self._worker_count, self._models, self._state = workers, models, state
        self._children: list[_Child] = []
        self._stopping = False
        self._hopeless = False
        self._look_again = 0.0
        self._full = False
        self._say = teller(serve_log_format())

    def run(self) -> int:
        """Serves until SIGTERM or SIGINT. Returns the exit code: 1 where a worker cannot start, which it has explained.

        Raises SmoothGenError or OSError when something else cannot be started.
        """
        _require_free(self._host, self._port)
        for sign in (signal.SIGTERM, signal.SIGINT):
            signal.signal(sign, self._stop_soon)
        try:
            self._start()
            announced = False
            while not self._stopping:
                self._tend()
                announced = announced or self._announce()
                time.sleep(_TICK_S)
        finally:
            self._stop()
        return _CANNOT_START if self._hopeless else 0

    def _start(self) -> None:
        if self._embedded is not None:
            self._embedded.start()
            self._redis_url = self._embedded.url
        self._state.mkdir(parents=True, exist_ok=True)
        log_format = serve_log_format()
        gateway = child_environment(
            redis_url=self._redis_url,
            ledger_url=os.environ.get("SMOOTHGEN_LEDGER_URL", sqlite_url(ledger_file(self._state))),
            host=self._host,
            port=str(self._port),
            models=self._expected_models(),
            log_format=log_format,
            signing_keys=None if "SMOOTHGEN_SIGNING_KEYS" in os.environ else str(self._state / "signing-keys"),
        )
        self._children = [_Child("gateway", "app", gateway, self._say)]
        for n in range(self._worker_count):
            worker = child_environment(
                redis_url=self._redis_url,
                models=self._models,
                log_format=log_format,
                threads=self._threads_a_worker(),
                metrics_port=_port_of_worker(n),
                worker_index=n,
            )
            self._children.append(_Child(f"worker {n + 1}", "workers", worker, self._say))
        for child in self._children:
            child.start()

    def _expected_models(self) -> list[str] | None:
        """Returns the models that the gateway waits for until it is ready, None to let the environment say it. Where no
        worker is started here, nobody knows which models others serve."""
        if self._models or not self._worker_count or "SMOOTHGEN_MODELS" in os.environ:
            return self._models
        return DEFAULT_MODELS

    def _threads_a_worker(self) -> int | None:
        """Returns how many threads each worker takes, None to let it choose. Several workers share the cores: with more
        threads than cores they would wait for each other."""
        if self._worker_count <= 1 or "SMOOTHGEN_THREADS" in os.environ:
            return None
        return max(1, available_cores() // self._worker_count)

    def _tend(self) -> None:
        if self._embedded is not None and not self._embedded.running():
            self._restart_embedded(self._embedded)
        for child in self._children:
            if child.hopeless():
                self._hopeless = self._stopping = True
            elif child.died():
                child.restart()

    def _restart_embedded(self, embedded: EmbeddedRedis) -> None:
        """Starts the server again; on a full disk, where it would end at its next write, once there is room."""
        if time.monotonic() < self._look_again:
            return
        if not embedded.has_room():
            self._look_again = time.monotonic() + _ROOM_S
            if not self._full:
                self._full = True
                self._say(f"{embedded.full}; requests get 503 until you free some", "error")
            return
        self._full = False
        self._say("the embedded server ended or hung; starting it again", "warning")
        embedded.start()

    def _announce(self) -> bool:
        """Prints the address once a model can be asked. Returns whether it did."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self._host, self._host)  # noqa: S104
        url = f"http://{f'[{host}]' if ':' in host else host}:{self._port}"
        # /readyz says when every model has been loaded, and is not in the access log.
        try:
            if self._worker_count and httpx2.get(f"{url}/readyz", timeout=1.0).status_code != httpx2.codes.OK:
                return False
            answer = httpx2.get(f"{url}/models", timeout=1.0, headers=_first_key())
            served = answer.json().get("data", [])
        except (httpx2.HTTPError, ValueError):
            return False
        ready = [model["id"] for model in served if model["workers"] > 0]
        asks_for_key = answer.status_code == httpx2.codes.UNAUTHORIZED  # one that `smoothgen keys` made
        if not ready and self._worker_count and not asks_for_key:
            return False
        what = ", ".join(ready) or ("whoever has a key" if asks_for_key else "no model")
        self._say(f"serving {what} at {url} (API at {url}/docs)", "info")
        return True

    def _stop_soon(self, signum: int, frame: FrameType | None) -> None:
        del signum, frame
        self._stopping = True

    def _stop(self) -> None:
        """Stops the gateway and the workers first, so that what they hold is stored, and then the queue."""
        running = [c.process for c in self._children if c.process is not None and c.process.poll() is None]
        if running:
            self._say(f"stopping; work in hand is waited for, {_stop_timeout_s():g} s at most", "info")
        for process in running:
            process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + _stop_timeout_s()
        for process in running:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                self._say("a process did not stop in time; killing it", "warning")
                process.kill()
        if self._embedded is not None:
            self._embedded.stop()


def _first_key() -> dict[str, str]:
    with contextlib.suppress(ValueError, TypeError, LookupError):  # the gateway says what is wrong with it
        first = str(json.loads(os.environ["SMOOTHGEN_API_KEYS"])[0])
        return {"Authorization": f"Bearer {first.partition(':')[2] or first}"}  # written as name:key, or as a key alone
    return {}


def _port_of_worker(n: int) -> str | None:
    """Returns the metrics port of the n-th worker, counted from 0: SMOOTHGEN_METRICS_PORT is the first one's."""
    first = os.environ.get("SMOOTHGEN_METRICS_PORT", "")
    return str(int(first) + n) if first.isdecimal() else None  # anything else the worker refuses


def _stop_timeout_s() -> float:
    """Returns how long workers may take to stop, and a little more. A gateway takes less."""
    try:
        drain_s = float(os.environ["SMOOTHGEN_DRAIN_TIMEOUT_S"])
    except (KeyError, ValueError):  # what cannot be read no worker has started with
        drain_s = DRAIN_TIMEOUT_S
    return drain_s + GRACE_S + GOODBYE_S + _STOP_MARGIN_S


def _require_free(host: str, port: int) -> None:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise SmoothGenError(
            f"cannot listen on {host}:{port}: {error.strerror}; choose another --host or --port"
        ) from error


def die_with_parent() -> None:
    """Has the kernel stop this child process when its parent is killed. Does nothing where there is no prctl."""
    prctl: Callable[..., int] | None = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is not None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
