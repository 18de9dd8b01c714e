"""What the queue tells of itself for metrics, in two round trips however many models there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from smoothgen.queue import keys
from smoothgen.queue.connection import redis_errors
from smoothgen.queue.presence import Presence


@dataclass(frozen=True)
class ModelMeasures:
    """One model's. oldest_waiting_s: seconds since the oldest piece that no worker has taken was put into its stream, 0
    where none waits. dead_letters: as many as are kept."""

    workers: int
    oldest_waiting_s: float
    dead_letters: int


@dataclass(frozen=True)
class RedisMemory:
    """Bytes. limit: maxmemory, 0 where there is none."""

    used: int
    limit: int


class Measures:
    """Reads measures from Redis. Every method raises QueueUnavailable when Redis cannot be reached."""

    def __init__(self, redis: Redis, presence: Presence) -> None:
        self._redis, self._presence = redis, presence

    async def of_models(self, models: Sequence[str]) -> dict[str, ModelMeasures]:
        """Each model's measures."""
        live, now_s = await self._presence.live(models), await self._presence.clock.now()
        with redis_errors():
            async with self._redis.pipeline(transaction=False) as pipeline:
                for model in models:
                    pipeline.xlen(keys.dead(model))
                    pipeline.smembers(keys.builds(model))
                answers = await pipeline.execute()
            builds: dict[str, list[str | None]] = {m: [None, *answers[2 * i + 1]] for i, m in enumerate(models)}
            streams = [(model, s) for model in models for build in builds[model] for s in keys.streams(model, build)]
            waiting = await self._first_waiting([stream for _, stream in streams])
        since: dict[str, float] = {}
        for (model, _), first_s in zip(streams, waiting, strict=True):
            if first_s is not None:
                since[model] = min(first_s, since.get(model, first_s))
        return {
            model: ModelMeasures(len(live[model]), max(0.0, now_s - since.get(model, now_s)), answers[2 * i])
            for i, model in enumerate(models)
        }

    async def memory(self) -> RedisMemory | None:
        """Of the Redis behind the queue; None where it does not let us ask."""
        with redis_errors():
            try:
                told = await self._redis.info("memory")
            except ResponseError:  # a managed one may forbid INFO, and serves all else
                return None
        return RedisMemory(used=int(told["used_memory"]), limit=int(told.get("maxmemory", 0)))

    async def _first_waiting(self, streams: Sequence[str]) -> list[float | None]:
        """When the first piece that no worker has taken was posted, Unix seconds, in each stream and in the lists of
        what waits before it; None where there is none."""
        async with self._redis.pipeline(transaction=False) as pipeline:
            for stream in streams:
                pipeline.xinfo_groups(stream)
            groups = await pipeline.execute(raise_on_error=False)  # a stream nobody has written to is no stream yet
            for stream, group in zip(streams, groups, strict=True):
                pipeline.xrange(stream, min=f"({_delivered(group)}", count=1)
                pipeline.zrange(keys.turns(stream), 0, -1)
            found = await pipeline.execute()
            posted = [[_milliseconds(entries[0][0])] if entries else [] for entries in found[::2]]
            outside = [(i, tenant) for i, tenants in enumerate(found[1::2]) for tenant in tenants]
            for i, tenant in outside:
                pipeline.lindex(keys.waiting(streams[i], tenant), 0)
            for (i, _), piece in zip(outside, await pipeline.execute(), strict=True):
                if piece is not None:
                    posted[i].append(int(piece.rpartition(" ")[2]))
        return [min(found) / 1000 if found else None for found in posted]


def _milliseconds(entry: str) -> int:
    """When a stream's entry was added, by its id."""
    return int(entry.partition("-")[0])


def _delivered(groups: object) -> str:
    """The id of the last entry the workers' group was given; the lowest there is where no group has read the stream."""
    for group in groups if isinstance(groups, list) else ():
        if group["name"] == keys.GROUP:
            return str(group["last-delivered-id"])
    return "0-0"
