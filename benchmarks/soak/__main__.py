"""Tens of thousands of jobs of every kind through one gateway and two workers: what grows, and what is left over?

    python -m benchmarks.soak [--jobs 20000] [--points 20] [--tolerance 4]

Certified and abstaining, failing, cancelled, cut off by their deadline, sent again under the same idempotency key,
refused at the door; clients that walk away; a dashboard that reads /fleet and /metrics all along. At regular points
everything is let come to rest and measured: memory, file handles and threads of every process, keys in Redis by kind,
bytes kept for a finished job by kind.

Results expire after a day, so Redis grows by what it keeps for that long. What it keeps is measured and then deleted,
as the expiry would: from then on Redis must be as it was, but for the fleet's bins, which are two bytes a request (one
in its hour, one in its day). Exit code 1 where the gateway, a worker, or Redis without results holds more memory at the
end than at a fifth of the way by more than the tolerance, where a job came to what its kind may not, or where anything
is left over. Fewer than about 10000 jobs say nothing of growth: what a worker remembers of its last 256 jobs of several
sorts is not yet full at a fifth of the way.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from benchmarks.smoke import parse_sizes, smoke_path
from benchmarks.soak.measuring import Kept, Point, measure, weigh
from benchmarks.soak.traffic import FAST, SLOW, Client, Ended, Kind, run, traffic
from benchmarks.stack import MIB, ROOT, Stack, machine, scratch, write_json

WORKERS = 2
SETTLED_AT = 0.2
"""From this share of the jobs on, caches are full and memory must stay."""


async def _watch(client: Client, every_s: float) -> None:
    while True:
        await client.look()
        await asyncio.sleep(every_s)


async def _leg(
    stack: Stack, requests: list[tuple[Kind, dict[str, Any]]], given: argparse.Namespace, done: Callable[[], object]
) -> list[tuple[Kind, Ended]]:
    """All of these requests, with a dashboard beside them."""
    client = Client(stack.gateway.url, random.Random(given.seed))
    dashboard = asyncio.create_task(_watch(client, given.dashboard))
    try:
        return await run(client, requests, given.clients, done)
    finally:
        dashboard.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await dashboard
        await client.aclose()


class Soak:
    """The points so far, and what was seen between them."""

    def __init__(self) -> None:
        self.points: list[Point] = []
        self.kept: defaultdict[str, list[Kept]] = defaultdict(list)
        self.outcomes: Counter[tuple[str, str]] = Counter()

    def run(self, stack: Stack, given: argparse.Namespace) -> None:
        requests = traffic(given.jobs, random.Random(given.seed))
        self._measure(stack, 0, 0.0)
        with tqdm(total=given.jobs, unit="job", disable=None) as bar:
            for number in range(given.points):
                start, end = (given.jobs * n // given.points for n in (number, number + 1))
                started = time.monotonic()
                ended = asyncio.run(_leg(stack, requests[start:end], given, bar.update))
                self.outcomes.update((kind.name, e.outcome) for kind, e in ended)
                rate = (end - start) / (time.monotonic() - started)
                stack.until_quiet()
                for name, kept in weigh(stack.redis.client, ended).items():
                    self.kept[name] += kept
                self._measure(stack, end, rate)

    def _measure(self, stack: Stack, jobs: int, rate: float) -> None:
        self.points.append(measure(stack, jobs, rate))

    def bytes_kept(self) -> dict[str, dict[str, float]]:
        """Of one job of each kind, on average."""
        return {
            name: {part: float(np.mean([getattr(k, part) for k in kept])) for part in ("record", "certificate")}
            for name, kept in self.kept.items()
        }

    def settled(self) -> list[Point]:
        """The points from which on memory must stay."""
        return [point for point in self.points if point.jobs >= SETTLED_AT * self.points[-1].jobs]

    def growth(self) -> dict[str, tuple[float, float]]:
        """Of everything that must stay: MiB more at the end than when settled, and bytes a job by least squares."""
        settled = self.settled()
        jobs = [point.jobs for point in settled]
        return {
            name: (
                settled[-1].held[name] - settled[0].held[name],
                MIB * float(np.polyfit(jobs, [point.held[name] for point in settled], 1)[0]),
            )
            for name in settled[0].held
        }


def table(soak: Soak) -> str:
    """The points, one a line."""
    names = list(soak.points[0].rss)
    lines = [
        "   jobs   jobs/s   "
        + "".join(f"{name + ' MiB':>{len(name) + 4}}   " for name in names)
        + "Redis used MiB: full   bare   fleet   kept B/job   keys: job   certificate   idempotency   others   "
        "handles   threads   connections"
    ]
    for p in soak.points:
        kept = Counter(p.keys)
        counted = [kept.pop(kind, 0) for kind in ("job", "certificate", "idempotency")]
        lines.append(
            f"{p.jobs:7}   {p.jobs_a_second:6.0f}   "
            + "".join(f"{p.rss[name]:{len(name) + 4}.1f}   " for name in names)
            + f"{p.redis_full:20.2f}   {p.redis_bare:4.2f}   {p.fleet:5.3f}   {p.kept_a_job:10.0f}   {counted[0]:9}   "
            f"{counted[1]:11}   {counted[2]:11}   {kept.total():6}   {p.handles:7}   {p.threads:7}   {p.connections:11}"
        )
    return "\n".join(lines)


def by_kind(soak: Soak) -> str:
    """What each kind of job came to, and what Redis keeps of one."""
    bytes_kept = soak.bytes_kept()
    lines = [f"{'kind':<26}   jobs   bytes kept: record (1 day)   certificate (30 days)   outcomes"]
    for name in dict.fromkeys(name for name, _ in sorted(soak.outcomes)):
        outcomes = {outcome: count for (kind, outcome), count in sorted(soak.outcomes.items()) if kind == name}
        kept = bytes_kept.get(name, {"record": 0.0, "certificate": 0.0})
        said = ", ".join(f"{count} {outcome}" for outcome, count in outcomes.items())
        lines.append(
            f"{name:<26}   {sum(outcomes.values()):4}   {kept['record']:26.0f}   {kept['certificate']:21.0f}   {said}"
        )
    return "\n".join(lines)


def verdicts(soak: Soak, left: dict[str, int], tolerance_mib: float) -> tuple[list[str], bool]:
    """What is said of growth and leftovers, and whether all of it is well."""
    settled, well = soak.settled(), True
    said = [f"growth from {settled[0].jobs} to {settled[-1].jobs} jobs, at most {tolerance_mib:g} MiB allowed"]
    for name, (mib, slope) in soak.growth().items():
        fine = mib <= tolerance_mib
        well &= fine
        said.append(f"  {name:<20} {mib:+7.2f} MiB   {slope:+8.1f} bytes a job   {'ok' if fine else 'TOO MUCH'}")
    for name in ("handles", "threads", "connections"):
        first, last = getattr(settled[0], name), getattr(settled[-1], name)
        said.append(f"  {name:<20} {first} → {last}")
    said.append("left over: " + ", ".join(f"{name} {count}" for name, count in left.items()))
    return said, well and not any(left.values())


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=20_000)
    parser.add_argument("--points", type=int, default=20, help="how often everything is measured")
    parser.add_argument("--clients", type=int, default=16, help="requests on their way at once")
    parser.add_argument("--dashboard", type=float, default=1.0, metavar="SECONDS", help="between readings of /fleet")
    parser.add_argument("--tolerance", type=float, default=4.0, metavar="MIB", help="growth allowed to each process")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=ROOT / "state" / "soak.json")
    return parse_sizes(parser, jobs=60, points=2, output=smoke_path("soak.json"))


def main() -> int:
    """Exit code 1 where something grew, came out wrong, or was left over."""
    given = _arguments()
    soak, started = Soak(), time.monotonic()
    with scratch("soak") as folder:
        about = machine(folder)
        with Stack(folder, [FAST, SLOW], gateway={}, worker={}) as stack:
            stack.grow(WORKERS)
            soak.run(stack, given)
            left = stack.leftovers()
    said, well = verdicts(soak, left, given.tolerance)
    results = {
        "machine": about,
        "jobs": given.jobs,
        "seconds": time.monotonic() - started,
        "points": [asdict(point) for point in soak.points],
        "bytes_kept": soak.bytes_kept(),
        "outcomes": {f"{kind}: {outcome}": count for (kind, outcome), count in sorted(soak.outcomes.items())},
        "growth": {name: {"mib": mib, "bytes_a_job": slope} for name, (mib, slope) in soak.growth().items()},
        "left_over": left,
        "well": well,
    }
    write_json(results, given.output)
    print(table(soak), by_kind(soak), "\n".join(said), f"written to {given.output}", sep="\n\n")
    return int(not well)


if __name__ == "__main__":
    sys.exit(main())
