"""What a stack at rest holds: memory and handles of every process, Redis's keys by kind, what a finished job keeps."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import redis

from benchmarks.soak.traffic import Ended, Kind
from benchmarks.stack import MIB, Stack
from smoothgen.queue import keys

EXPIRING = ("job", "certificate", "asked", "idempotency", "samples")
"""Kinds of keys that stay after a job until their time is up."""
_WEIGHED = 100
"""Jobs of each kind whose keys are weighed at each point: enough for a mean, and quickly done."""
_BATCH = 1000


@dataclass(frozen=True)
class Point:
    """The stack at rest after so many jobs. Memory in MiB; `redis_bare`: when the results are gone, without the
    fleet's bins."""

    jobs: int
    jobs_a_second: float
    rss: dict[str, float]
    handles: int
    threads: int
    connections: int
    keys: dict[str, int]
    redis_full: float
    redis_bare: float
    fleet: float
    kept_a_job: float

    @property
    def held(self) -> dict[str, float]:
        """What must not grow, by whose it is."""
        ours = {name: mib for name, mib in self.rss.items() if name != "Redis"}
        return ours | {"Redis, results gone": self.redis_bare}


def measure(stack: Stack, jobs: int, jobs_a_second: float) -> Point:
    """Measure, and delete what finished jobs keep, as their expiry would."""
    client = stack.redis.client
    before, kept = _used(client), _by_kind(client)
    finished = kept["job"]
    for kind in EXPIRING:
        _delete(client, keys.of_all_models(f"{kind}:"))
    after, fleet = _used(client), _weight(client, client.scan_iter(keys.of_all_models("fleet:"), count=_BATCH))
    processes = {
        f"{part.removesuffix('s')} {number}" if len(found) > 1 else part: process
        for part, found in stack.processes().items()
        if part != "client"
        for number, process in enumerate(found, start=1)
    }
    return Point(
        jobs=jobs,
        jobs_a_second=jobs_a_second,
        rss={name: process.memory_info().rss / MIB for name, process in processes.items()},
        handles=sum(process.num_fds() for process in processes.values()),
        threads=sum(process.num_threads() for process in processes.values()),
        connections=client.info("clients")["connected_clients"],
        keys=dict(kept),
        redis_full=before / MIB,
        redis_bare=(after - fleet) / MIB,
        fleet=fleet / MIB,
        kept_a_job=(before - after) / finished if finished else 0.0,
    )


@dataclass(frozen=True)
class Kept:
    """Bytes Redis keeps of one job, by MEMORY USAGE: its record for a day, its certificate for thirty."""

    record: int
    certificate: int


def weigh(client: redis.Redis, ended: Iterable[tuple[Kind, Ended]]) -> dict[str, list[Kept]]:
    """What is kept of some jobs of each kind."""
    jobs: defaultdict[str, list[str]] = defaultdict(list)
    for kind, end in ended:
        if end.job:
            jobs[kind.name].append(end.job)
    return {name: [_kept(client, job) for job in islice(ids, _WEIGHED)] for name, ids in jobs.items()}


def _kept(client: redis.Redis, job: str) -> Kept:
    return Kept(_weight(client, [keys.job(job)]), _weight(client, [keys.certificate(job), keys.asked(job)]))


def _used(client: redis.Redis) -> int:
    return int(client.info("memory")["used_memory"])


def _by_kind(client: redis.Redis) -> Counter[str]:
    """Keys by the word that says their kind: the first after their model's hash tag, or after `smoothgen:`."""
    names = (key.partition("}:")[2] or key.removeprefix("smoothgen:") for key in client.scan_iter("*", count=_BATCH))
    return Counter(name.partition(":")[0] for name in names)


def _weight(client: redis.Redis, names: Iterable[str]) -> int:
    with client.pipeline(transaction=False) as pipeline:
        for name in names:
            pipeline.memory_usage(name, samples=0)  # 0: every field of a hash, not some
        return sum(weight or 0 for weight in pipeline.execute())


def _delete(client: redis.Redis, pattern: str) -> None:
    for names in _batches(client.scan_iter(pattern, count=_BATCH)):
        client.delete(*names)


def _batches(names: Iterator[str]) -> Iterator[list[str]]:
    while batch := list(islice(names, _BATCH)):
        yield batch
