"""One gateway, one append-only Redis, any number of workers as processes, and what each of them takes of the machine.

What the benchmarks of scaling and of endurance share; the processes are those of tests/support/processes.py.
"""

from __future__ import annotations

import json
import os
import platform
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Self

import httpx2
import psutil
from prometheus_client.parser import text_string_to_metric_families

from smoothgen.contracts import PRIORITIES
from smoothgen.queue import keys
from tests.support.processes import Gateway, Redis, Worker, free_port

ROOT = Path(__file__).parents[1]
MIB = 2**20
PATIENCE_S = 300.0
"""Longer than any answer takes: a benchmark that waits longer has found a job that never ends."""
_FSYNCS = 50


@dataclass(frozen=True)
class Cpu:
    """User and system seconds so far: of each part of the stack, of this process, and of the whole machine."""

    at: float
    parts: dict[str, float]
    machine: float

    def cores_since(self, before: Cpu) -> dict[str, float]:
        """Cores each part kept busy meanwhile; `others` is what other programs took."""
        seconds = self.at - before.at
        cores = {part: (spent - before.parts.get(part, 0.0)) / seconds for part, spent in self.parts.items()}
        return cores | {"others": max(0.0, (self.machine - before.machine) / seconds - sum(cores.values()))}


class Stack:
    """Started by `with`, ended with it. Workers are added by `grow`."""

    def __init__(self, folder: Path, models: Iterable[str], *, gateway: dict[str, Any], worker: dict[str, Any]) -> None:
        self.folder, self.models = folder, list(models)
        self.workers: list[Worker] = []
        self._scraped = httpx2.Client(timeout=PATIENCE_S)
        self._metrics_ports: list[int] = []
        self._settings, self._gateway_settings, self._stack = worker, gateway, ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.redis = stack.enter_context(Redis(self.folder / "redis"))
            self.gateway = stack.enter_context(
                Gateway(self.redis.url, self.folder / "gateway.log", **self._gateway_settings)
            ).until_ready()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._scraped.close()
        self._stack.close()

    def grow(self, workers: int) -> None:
        """Start workers until there are so many, all at once, and wait until each is ready."""
        started = []
        while len(self.workers) < workers:
            log, port = self.folder / f"worker-{len(self.workers)}.log", free_port()
            worker = Worker(self.redis.url, log, *self.models, metrics_port=port, **self._settings)
            self.workers.append(self._stack.enter_context(worker))
            self._metrics_ports.append(port)
            started.append(worker)
        for worker in started:
            worker.until_ready()

    def processes(self) -> dict[str, list[psutil.Process]]:
        """Every process, by its part."""
        server = int(self.redis.client.info("server")["process_id"])
        return {
            "workers": [psutil.Process(worker.popen.pid) for worker in self.workers],
            "Redis": [psutil.Process(server)],
            "gateway": [psutil.Process(self.gateway.popen.pid)],
            "client": [psutil.Process()],
        }

    def cpu(self) -> Cpu:
        """Raises psutil.NoSuchProcess where one has died, which no benchmark survives."""
        parts = {part: sum(map(_cpu_s, processes)) for part, processes in self.processes().items()}
        times = psutil.cpu_times()
        machine = times.user + times.nice + times.system + times.irq + times.softirq + times.steal
        return Cpu(time.monotonic(), parts, machine)

    def counters(self) -> list[tuple[float, Counter[str]]]:
        """Of each worker: when it was asked, and its Prometheus samples by name, added up over their labels."""
        asked = []
        for port in self._metrics_ports:
            text, at = self._scraped.get(f"http://127.0.0.1:{port}/metrics").text, time.monotonic()
            counted: Counter[str] = Counter()
            for family in text_string_to_metric_families(text):
                for sample in family.samples:
                    counted[sample.name] += sample.value  # type: ignore[assignment]  # seconds are no whole numbers
            asked.append((at, counted))
        return asked

    def leftovers(self) -> dict[str, int]:
        """What must be 0 when every job has ended, by what it is."""
        client, left = self.redis.client, Counter[str]()
        for model in self.models:
            left["samples owed"] += abs(int(client.get(keys.backlog(model)) or 0))
            left["dead letters"] += client.xlen(keys.dead(model))
            for stream in (keys.work(model, priority) for priority in PRIORITIES):
                left["pieces of work"] += client.xlen(stream)
                [group] = client.xinfo_groups(stream)
                left["pieces held"] += group["pending"]
                left["consumers without a worker"] += max(0, group["consumers"] - len(self.workers))
        left["deadlines"] = sum(client.zcard(keys.deadlines(model)) for model in self.models)
        left["distances"] = sum(1 for _ in client.scan_iter(keys.of_all_models("distances:"), count=1000))
        return dict(left)

    def until_quiet(self) -> None:
        """Wait until every queued piece of work is done. Raises TimeoutError."""
        deadline = time.monotonic() + PATIENCE_S
        while any(self.leftovers()[name] for name in ("samples owed", "pieces of work", "pieces held")):
            if time.monotonic() > deadline:
                raise TimeoutError(f"work is left after {PATIENCE_S} s: {self.leftovers()}")
            time.sleep(0.05)


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system + times.children_user + times.children_system)  # Redis forks to compact


def machine(folder: Path) -> dict[str, Any]:
    """What a reader must know to compare: cores, Python, and what a write that lasts costs here."""
    return {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "system": platform.platform(),
        "fsync_us": round(_fsync_us(folder), 1),
    }


def _fsync_us(folder: Path) -> float:
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        started = time.perf_counter()
        for _ in range(_FSYNCS):
            file.write(b"x" * 256)  # about one command
            os.fsync(file.fileno())
        return 1e6 * (time.perf_counter() - started) / _FSYNCS


def write_json(results: dict[str, Any], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=1) + "\n")


@contextmanager
def scratch(name: str) -> Iterator[Path]:
    """A folder that goes with the benchmark, which ends what it started when it is told to stop, too."""
    signal.signal(signal.SIGTERM, _stop)
    with tempfile.TemporaryDirectory(prefix=f"{name}-") as folder:
        yield Path(folder)


def _stop(number: int, frame: FrameType | None) -> None:
    del frame
    raise SystemExit(f"stopped by {signal.Signals(number).name}")
