"""Which builds of a model have workers, and the work of builds that have none any more.

All samples of a job come from one build: a model's digest, the precision the model computes in, and whether its
networks are compiled. Where no worker has had a job's build for long, the job starts over under another build
(docs/decisions/0012).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from redis.asyncio import Redis

from smoothgen.queue import keys
from smoothgen.queue.connection import redis_errors
from smoothgen.queue.pipeline import Pipeline
from smoothgen.queue.presence import Presence
from smoothgen.queue.scripts.presence import Forget

_AT_ONCE = 256
"""How many work items of a stream are looked at in one round."""


def build_of(digest: str, precision: str, *, compiled: bool = False) -> str:
    """Returns the name of the build of a model with this digest that computes in this precision, and whose networks are
    compiled or are not."""
    return f"{digest}@{precision}{'+compiled' if compiled else ''}"


@dataclass(frozen=True)
class Orphan:
    """A work item that no worker may compute: where it lies, and the attempt of its job that it is of."""

    model: str
    build: str
    stream: keys.Key
    entry: str
    job_id: str
    first: int
    count: int
    attempt: int


class Builds:
    """One worker's view of who serves which build. Every method raises QueueUnavailable when Redis is away."""

    def __init__(self, redis: Redis, scripts: Pipeline, presence: Presence) -> None:
        self._redis, self._scripts, self._presence = redis, scripts, presence
        self._since: dict[tuple[str, str], float] = {}

    async def orphans(self, builds: Mapping[str, str], after_s: float) -> list[Orphan]:
        """Returns work items of these models that wait for builds no worker has had for after_s seconds. builds: this
        worker's own, by model.

        Callers ask at least six times in after_s. A build counts as absent once its workers have been silent for half
        of after_s (WORKER_TTL_S at most). For the rest of after_s it must have been absent at every call of this
        worker, so that workers are not taken for gone because Redis was away.
        """
        silent_s = min(after_s / 2, keys.WORKER_TTL_S)
        now, since = time.monotonic(), self._since
        self._since = {}  # kept only where Redis answers and still nobody is there
        absent = [(model, build) for model, own in builds.items() for build in await self._absent(model, own, silent_s)]
        self._since = {each: since.get(each, now) for each in absent}
        orphans: list[Orphan] = []
        for model, build in absent:
            if now - self._since[model, build] >= after_s - silent_s:
                found = await self._waiting(model, build)
                if not found:
                    forget = Forget(builds=keys.builds(model), streams=keys.streams(model, build), build=build)
                    await self._scripts.call(forget)
                orphans += found
        return orphans

    async def _absent(self, model: str, own: str, silent_s: float) -> set[str]:
        """Returns the builds that have streams and no worker that said within silent_s that it serves them."""
        with redis_errors():
            known = await self._redis.smembers(keys.builds(model))
        live = (await self._presence.live([model]))[model]
        if any(worker.build is None for worker in live):
            return set()  # a worker of a version that does not say what it serves: it may be any of them
        heard = {worker.build for worker in live if worker.silent_s <= silent_s}
        return set(known) - heard - {own}

    async def _waiting(self, model: str, build: str) -> list[Orphan]:
        found = []
        with redis_errors():
            for stream in keys.streams(model, build):
                for entry, fields in await self._redis.xrange(stream, count=_AT_ONCE):
                    place = (stream, entry, fields["job"], int(fields["first"]), int(fields["count"]))
                    found.append(Orphan(model, build, *place, int(fields.get("attempt", 0))))
        return found
