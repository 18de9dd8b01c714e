"""What the queue tells of itself for Prometheus: as many round trips for many models as for one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from smoothgen.queue import keys
from smoothgen.queue.connection import redis_errors, servers
from smoothgen.queue.presence import Presence


@dataclass(frozen=True)
class ModelMeasures:
    """The measures of one model.

    workers: how many are alive. samples_a_second: the speed the live workers were last measured at, together, 0 where
    none was. work_items: how many wait or run. samples_owed: noisy samples promised and not yet drawn.
    oldest_waiting_s: seconds since the oldest work item that no worker has taken was posted, 0 where none waits.
    dead_letters: how many are kept.
    """

    workers: int
    samples_a_second: float
    work_items: int
    samples_owed: int
    oldest_waiting_s: float
    dead_letters: int


@dataclass(frozen=True)
class RedisMemory:
    """The memory of Redis in bytes, of a cluster that of its fullest node. limit: maxmemory, 0 where there is none."""

    used: int
    limit: int


class Measures:
    """Reads measures from Redis. Every method raises QueueUnavailable when Redis cannot be reached."""

    def __init__(self, redis: Redis, presence: Presence) -> None:
        self._redis, self._presence = redis, presence

    async def of_models(self, models: Sequence[str]) -> dict[str, ModelMeasures]:
        """Returns the measures of each model."""
        live, now_s = await self._presence.live(models), await self._presence.clock.now()
        with redis_errors():
            async with self._redis.pipeline(transaction=False) as pipeline:
                for model in models:
                    pipeline.get(keys.backlog(model))
                    pipeline.xlen(keys.dead(model))
                    pipeline.smembers(keys.builds(model))
                answers = await pipeline.execute()
            streams = {
                model: [s for build in (None, *builds) for s in keys.streams(model, build)]
                for model, builds in zip(models, answers[2::3], strict=True)
            }
            work = await self._work([stream for of_model in streams.values() for stream in of_model])
        measured = {}
        for model, owed, dead in zip(models, answers[::3], answers[1::3], strict=True):
            workers, of_streams = live[model], [work[stream] for stream in streams[model]]
            since_s = min((each.since_s for each in of_streams if each.since_s is not None), default=now_s)
            measured[model] = ModelMeasures(
                workers=len(workers),
                samples_a_second=sum(worker.rate for worker in workers),
                work_items=sum(each.items for each in of_streams),
                samples_owed=int(owed or 0),
                oldest_waiting_s=max(0.0, now_s - since_s),
                dead_letters=dead,
            )
        return measured

    async def memory(self) -> RedisMemory | None:
        """Returns the memory of the Redis behind the queue, None where it forbids the question."""
        with redis_errors():
            try:
                told = [await server.info("memory") for server in await servers(self._redis)]
            except ResponseError:  # a managed one may forbid INFO, and serves all else
                return None
        each = [RedisMemory(used=int(of["used_memory"]), limit=int(of.get("maxmemory", 0))) for of in told]
        return max(each, key=lambda memory: (memory.used / memory.limit if memory.limit else 0.0, memory.used))

    async def _work(self, streams: Sequence[str]) -> dict[str, _Work]:
        """Returns the work in each stream and in the lists of what waits before it."""
        async with self._redis.pipeline(transaction=False) as pipeline:
            for stream in streams:
                pipeline.xinfo_groups(stream)
            groups = await pipeline.execute(raise_on_error=False)  # a stream nobody has written to is no stream yet
            for stream, group in zip(streams, groups, strict=True):
                pipeline.xrange(stream, min=f"({_delivered(group)}", count=1)
                pipeline.zrange(keys.turns(stream), 0, -1)
                pipeline.xlen(stream)
                pipeline.hget(keys.share(stream), "waiting")
            found = await pipeline.execute()
            posted_ms = [[_milliseconds(entries[0][0])] if entries else [] for entries in found[::4]]
            outside = [(i, tenant) for i, tenants in enumerate(found[1::4]) for tenant in tenants]
            for i, tenant in outside:
                pipeline.lindex(keys.waiting(streams[i], tenant), 0)
            for (i, _), item in zip(outside, await pipeline.execute(), strict=True):
                if item is not None:
                    posted_ms[i].append(int(item.rpartition(" ")[2]))
        return {
            stream: _Work(length + int(waiting or 0), min(times_ms) / 1000 if times_ms else None)
            for stream, times_ms, length, waiting in zip(streams, posted_ms, found[2::4], found[3::4], strict=True)
        }


@dataclass(frozen=True)
class _Work:
    """The work of one stream. items: the work items in it and before it. since_s: when the first of them that no worker
    has taken was posted, in Unix seconds; None where there is none."""

    items: int
    since_s: float | None


def _milliseconds(entry: str) -> int:
    """Returns when a stream's entry was added, in Unix milliseconds, by its id."""
    return int(entry.partition("-")[0])


def _delivered(groups: object) -> str:
    """Returns the id of the last entry the workers' group was given, the lowest there is where the group is missing."""
    for group in groups if isinstance(groups, list) else ():
        if group["name"] == keys.GROUP:
            return str(group["last-delivered-id"])
    return "0-0"
