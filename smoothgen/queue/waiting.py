"""Reading what comes first of several streams or lists. With one server it is one command."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any

from redis.asyncio import Redis

from smoothgen.queue.cluster import ClusterRedis
from smoothgen.queue.cluster.waiting import answers_of_first, by_slot
from smoothgen.queue.keys import COVERS_TTL_S, Key

Entries = list[tuple[str, list[tuple[str, Mapping[str, str]]]]]
"""By stream, its entries: their ids and fields."""


async def read_new(
    redis: Redis, group: str, consumer: str, streams: Sequence[Key], *, count: int, block_ms: int
) -> Entries:
    """Returns entries that no consumer of the group was given, `count` of each stream at most. They are this
    consumer's from now on. Waits up to block_ms for the first."""

    async def read(of_slot: Sequence[Key], client: Redis) -> Any:
        return await client.xreadgroup(group, consumer, dict.fromkeys(of_slot, ">"), count=count, block=block_ms)

    return [each for answer in await _answers(redis, streams, read) for each in answer]


async def pop_first(redis: Redis, lists: Sequence[Key], *, block_s: float) -> str | None:
    """Takes the first element of the first list that has one. Returns None where none comes within block_s."""

    async def pop(of_slot: Sequence[Key], client: Redis) -> Any:
        return await client.blpop(list(of_slot), timeout=block_s)

    answers = await _answers(redis, lists, pop)
    for name, element in answers[1:]:  # of other nodes, meanwhile: whoever takes the next has it
        async with redis.pipeline() as pipeline:
            pipeline.lpush(name, element)
            pipeline.expire(name, COVERS_TTL_S)
            await pipeline.execute()
    return answers[0][1] if answers else None


async def _answers(
    redis: Redis, names: Sequence[Key], ask: Callable[[Sequence[Key], Redis], Awaitable[Any]]
) -> list[Any]:
    """Returns the answers that are not empty."""
    if isinstance(redis, ClusterRedis) and len(groups := by_slot(names)) > 1:
        return await answers_of_first(redis, [(of_slot[0], partial(ask, of_slot)) for of_slot in groups])
    answer = await ask(names, redis)
    return [answer] if answer else []
