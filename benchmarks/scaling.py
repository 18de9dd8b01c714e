"""Samples a second and one job's latency against the number of worker processes, and what of the machine they take.

    python -m benchmarks.scaling [--workers 1 2 4 8 16 32] [--seconds 10] [--real]

Model closed-form-device sleeps 10 ms a batch, as a CPU does while a GPU computes: workers then cost this machine only
what every worker costs its host, and a few cores carry many of them. The batch is 16 samples by default, not the
server's 64, so that a sample's own CPU (its noise, its text, its distance) does not fill the machine before the queue
does. --real runs workers of fashion-32 with one thread each, a core to each of them.

One Redis that syncs every write, one gateway. Closed loop: four jobs of n = 2000 a worker are always on their way, so
that no worker waits for a client. A sample counts when a worker has drawn it; every job is then waited for, and the
samples in their answers must add up to those drawn: none counted that no job got.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx2

from benchmarks.smoke import parse_sizes, smoke_path
from benchmarks.stack import PATIENCE_S, ROOT, Cpu, Stack, machine, scratch, write_json
from smoothgen.queue import keys

TARGET = 0.9
TARGET_WORKERS = 16
DEVICE_S = 0.01
"""What closed-form-device sleeps a batch."""
SETTLE_S = keys.WORKER_TTL_S / 3 + 1.0
"""Workers learn of one another when they announce themselves, and cut jobs into shares for as many as they know."""
FULL = 0.9
"""A machine busier than this is what limits the figure, not the server."""
PATIENT = {"Prefer": "wait=120"}
_LIMITLESS = httpx2.Limits(max_connections=None, max_keepalive_connections=None)


@dataclass(frozen=True)
class Load:
    """What is asked of how many workers."""

    model: str
    prompt: str
    samples: int
    large: int
    """n of the one job whose latency is measured."""
    jobs_a_worker: int
    batch_size: int
    worker: dict[str, Any] = field(default_factory=dict)

    def body(self, samples: int) -> dict[str, Any]:
        return {"model": self.model, "prompt": self.prompt, "robustness": {"samples": samples}}


SIMULATED = Load("closed-form-device", "0.5", samples=2000, large=20_000, jobs_a_worker=4, batch_size=16)
REAL = Load(
    "fashion-32", "a red sneaker", samples=200, large=200, jobs_a_worker=4, batch_size=16, worker={"threads": 1}
)


@dataclass
class Answers:
    """What the clients heard."""

    jobs: int = 0
    samples: int = 0


@dataclass(frozen=True)
class Point:
    """Everything measured at one number of workers. `device_busy`: share of the time a worker's model computes."""

    workers: int
    samples_a_second: float
    batches_a_second: float
    batch_ms: float
    device_busy: float
    jobs: int
    drawn: int
    delivered: int
    cores: dict[str, float]
    redis_calls_a_second: float
    latencies_s: list[float]

    @property
    def latency_s(self) -> float:
        return statistics.median(self.latencies_s)


class Clients:
    """A closed loop of jobs, each waited for in one request."""

    def __init__(self, url: str, load: Load) -> None:
        self._load, self.answers = load, Answers()
        self._http = httpx2.AsyncClient(base_url=url, timeout=PATIENCE_S, limits=_LIMITLESS)
        self._over = asyncio.Event()

    async def job(self, samples: int) -> float:
        """One job from request to answer, in seconds. Raises RuntimeError unless it ends with its samples."""
        started = time.perf_counter()
        response = await self._http.post("/generate", json=self._load.body(samples), headers=PATIENT)
        while response.status_code == 202 or response.json().get("status") == "running":
            path = f"/jobs/{response.json()['id']}"
            response = await self._http.get(path, headers=PATIENT)
        seconds, view = time.perf_counter() - started, response.json()
        if response.status_code != 200 or view["status"] != "succeeded":
            raise RuntimeError(f"a job ended with {response.status_code}: {response.text[:1000]}")
        self.answers.jobs += 1
        self.answers.samples += view["usage"]["overhead"]
        return seconds

    @asynccontextmanager
    async def many(self, count: int) -> AsyncIterator[None]:
        """Keep `count` jobs on their way; at the end take no more, and wait for the last."""

        async def one_after_another() -> None:
            while not self._over.is_set():
                await self.job(self._load.samples)

        async with asyncio.TaskGroup() as group:
            for _ in range(count):
                group.create_task(one_after_another())
            try:
                yield
            finally:
                self._over.set()
        self._over.clear()

    async def aclose(self) -> None:
        await self._http.aclose()


@dataclass(frozen=True)
class _Moment:
    cpu: Cpu
    counters: list[tuple[float, Counter[str]]]
    calls: int
    jobs: int


async def _moment(stack: Stack, clients: Clients) -> _Moment:
    # In a thread, so that the clients go on; the CPU is read in between, in the middle of the counters' readings.
    return await asyncio.to_thread(
        lambda: _Moment(
            stack.cpu(),
            stack.counters(),
            int(stack.redis.client.info("stats")["total_commands_processed"]),
            clients.answers.jobs,
        )
    )


def _drawn(counters: list[tuple[float, Counter[str]]]) -> int:
    return int(sum(counted["smoothgen_samples_total"] for _, counted in counters))


def _rate(before: _Moment, after: _Moment, name: str) -> float:
    """Of all workers together; each one's window is between its own two readings."""
    pairs = zip(before.counters, after.counters, strict=True)
    return float(sum((late[name] - early[name]) / (t1 - t0) for (t0, early), (t1, late) in pairs))


async def measure(stack: Stack, load: Load, workers: int, seconds: float, rounds: int) -> Point:
    """Throughput under load, then one large job alone."""
    clients = Clients(stack.gateway.url, load)
    drawn_before = _drawn(stack.counters())
    try:
        async with clients.many(load.jobs_a_worker * workers):
            await asyncio.sleep(max(SETTLE_S, seconds / 2))
            before = await _moment(stack, clients)
            await asyncio.sleep(seconds)
            after = await _moment(stack, clients)
        drawn, delivered = _drawn(stack.counters()) - drawn_before, clients.answers.samples
        await asyncio.to_thread(stack.until_quiet)
        latencies = [await clients.job(load.large) for _ in range(rounds)]
    finally:
        await clients.aclose()
    batches, busy = (_rate(before, after, f"smoothgen_batch_seconds_{name}") for name in ("count", "sum"))
    return Point(
        workers=workers,
        samples_a_second=_rate(before, after, "smoothgen_samples_total"),
        batches_a_second=batches,
        batch_ms=1e3 * busy / batches,
        device_busy=busy / workers,
        jobs=after.jobs - before.jobs,
        drawn=drawn,
        delivered=delivered,
        cores=after.cpu.cores_since(before.cpu),
        redis_calls_a_second=(after.calls - before.calls) / (after.cpu.at - before.cpu.at),
        latencies_s=latencies,
    )


def run(load: Load, counts: list[int], seconds: float, rounds: int, folder: Path) -> tuple[dict[str, Any], list[Point]]:
    """The machine, and a point for every number of workers, the least first: workers are added to one stack."""
    about = machine(folder)
    worker = {"batch_size": load.batch_size, **load.worker}
    with Stack(folder, [load.model], gateway={}, worker=worker) as stack:
        points = []
        print(HEADER, flush=True)
        for count in sorted(counts):
            stack.grow(count)
            points.append(asyncio.run(measure(stack, load, count, seconds, rounds)))
            print(line(points[-1], points[0]), flush=True)
    return about, points


HEADER = (
    "workers   samples/s   of linear   batches/s   batch ms   device busy   one job s   speed-up   "
    "cores: workers   Redis   gateway   client   others"
)


def line(point: Point, first: Point) -> str:
    cores = point.cores
    return (
        f"{point.workers:7}   {point.samples_a_second:9.0f}   {of_linear(point, first):9.3f}   "
        f"{point.batches_a_second:9.1f}   {point.batch_ms:8.2f}   {point.device_busy:11.1%}   {point.latency_s:9.3f}   "
        f"{first.latency_s / point.latency_s:8.2f}   {cores['workers']:14.3f}   {cores['Redis']:5.3f}   "
        f"{cores['gateway']:7.3f}   {cores['client']:6.3f}   {cores['others']:6.3f}"
    )


def of_linear(point: Point, first: Point) -> float:
    """Throughput a worker, over that of the fewest workers measured."""
    return (point.samples_a_second / point.workers) / (first.samples_a_second / first.workers)


def conclusions(points: list[Point], cores: int) -> list[str]:
    """What the figures say, and where the machine and not the server says it."""
    said = []
    for point in points:
        busy = sum(point.cores.values())
        if busy > FULL * cores:
            said.append(
                f"{point.workers} workers: {busy:.2f} of {cores} cores are busy; the machine is the limit there"
            )
        if point.cores["others"] > 1 - FULL:
            said.append(
                f"{point.workers} workers: other programs took {point.cores['others']:.2f} cores; measure again"
            )
        if point.drawn != point.delivered:
            said.append(f"{point.workers} workers: {point.drawn} samples drawn, {point.delivered} in the answers")
    last = points[-1]
    for part in ("workers", "Redis", "gateway"):
        a_batch = [1e6 * point.cores[part] / point.batches_a_second for point in points]
        said.append(f"{part}: {', '.join(f'{us:.0f}' for us in a_batch)} µs of CPU a batch")
    said.append(f"a core's worth of Redis would carry about {last.workers / last.cores['Redis']:.0f} such workers")
    return said


def draw(points: list[Point], cores: int, path: Path) -> None:
    """Throughput, one job's latency, and CPU, each against the number of workers."""
    from matplotlib.figure import Figure

    counts = [point.workers for point in points]
    first = points[0]
    figure = Figure(figsize=(12, 4), dpi=150, layout="constrained")
    throughput, latency, cpu = figure.subplots(1, 3)
    a_worker = first.samples_a_second / first.workers
    throughput.plot(counts, [a_worker * n for n in counts], color="#999999", ls="--", label="linear")
    throughput.plot(counts, [p.samples_a_second for p in points], color="#1f5fa8", marker="o", lw=2.2, label="measured")
    for point in points:
        throughput.annotate(
            f"{of_linear(point, first):.2f}", (point.workers, point.samples_a_second), (8, -3),
            textcoords="offset points", fontsize=8,
        )  # fmt: skip
    throughput.set(title="throughput (and its share of linear)", ylabel="samples a second", yscale="log")
    latency.plot(
        counts, [first.latency_s * first.workers / n for n in counts], color="#999999", ls="--", label="linear"
    )
    latency.plot(counts, [p.latency_s for p in points], color="#1f5fa8", marker="o", lw=2.2, label="measured")
    latency.set(title="one large job alone", ylabel="seconds", yscale="log")
    bottom = [0.0] * len(points)
    colours = {"workers": "#1f5fa8", "Redis": "#c44e52", "gateway": "#55a868", "client": "#dd8452", "others": "#cccccc"}
    for part, colour in colours.items():
        heights = [p.cores[part] for p in points]
        cpu.bar([str(n) for n in counts], heights, bottom=bottom, color=colour, label=part)
        bottom = [a + b for a, b in zip(bottom, heights, strict=True)]
    cpu.axhline(cores, color="#444444", lw=1, ls=":", label=f"the machine: {cores} cores")
    cpu.set(title="CPU under load", ylabel="cores busy", xlabel="workers")
    for axes in (throughput, latency):
        axes.set(xlabel="workers", xscale="log", xticks=counts)
        axes.set_xticks(counts, [str(n) for n in counts])
        axes.margins(x=0.12)  # room for the labels
        axes.minorticks_off()
    throughput.set_yticks([p.samples_a_second for p in points], [f"{p.samples_a_second:,.0f}" for p in points])
    latency.set_yticks([p.latency_s for p in points], [f"{p.latency_s:.2f}" for p in points])
    throughput.legend(frameon=False, loc="upper left")
    latency.legend(frameon=False, loc="upper right")
    cpu.set_ylim(0, 1.1 * cores)
    cpu.legend(loc="center left", framealpha=0.9, edgecolor="none")
    for axes in (throughput, latency, cpu):
        axes.spines[["top", "right"]].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling", description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, nargs="+", help="default: 1 2 4 8 16 32; with --real 1 2")
    parser.add_argument("--seconds", type=float, help="of each window; default 10, with --real 60")
    parser.add_argument("--rounds", type=int, default=3, help="large jobs at each number of workers; the median counts")
    parser.add_argument("--real", action="store_true", help="fashion-32, one thread a worker")
    parser.add_argument("--samples", type=int, help="n of the jobs under load")
    parser.add_argument("--large", type=int, help="n of the job that runs alone")
    parser.add_argument("--jobs-a-worker", type=int)
    parser.add_argument("--batch-size", type=int)
    parser.add_argument("--output", type=Path, help="default: state/scaling.json; with --real state/scaling-real.json")
    parser.add_argument("--picture", type=Path, help="default: docs/pictures/scaling.png; none with --real")
    given = parse_sizes(
        parser,
        workers=[1],
        seconds=1.0,
        rounds=1,
        samples=100,
        large=200,
        jobs_a_worker=2,
        output=smoke_path("scaling.json"),
        picture=smoke_path("scaling.png"),
    )
    given.workers = given.workers or ([1, 2] if given.real else [1, 2, 4, 8, 16, 32])
    given.seconds = given.seconds or (60.0 if given.real else 10.0)
    given.output = given.output or ROOT / "state" / ("scaling-real.json" if given.real else "scaling.json")
    if not given.real:
        given.picture = given.picture or ROOT / "docs" / "pictures" / "scaling.png"
    return given


def main() -> int:
    """Exit code 1 where throughput is below the target while the machine has cores to spare, or samples are lost."""
    given = _arguments()
    asked = {n: v for n in ("samples", "large", "jobs_a_worker", "batch_size") if (v := getattr(given, n)) is not None}
    load = replace(REAL if given.real else SIMULATED, **asked)
    with scratch("scaling") as folder:
        about, points = run(load, given.workers, given.seconds, given.rounds, folder)
    cores = about["cores"]
    results = {"machine": about, "load": asdict(load), "seconds": given.seconds, "points": [asdict(p) for p in points]}
    write_json(results, given.output)
    print("", *conclusions(points, cores), f"written to {given.output}", sep="\n")
    if given.picture is not None:
        draw(points, cores, given.picture)
        print(f"drawn to {given.picture}")
    return int(any(failed(point, points[0], cores) for point in points))


def failed(point: Point, first: Point, cores: int) -> bool:
    """Whether the server, and not the machine, fell short at this number of workers."""
    short = point.workers <= TARGET_WORKERS and of_linear(point, first) < TARGET
    return point.drawn != point.delivered or (short and sum(point.cores.values()) <= FULL * cores)


if __name__ == "__main__":
    sys.exit(main())
