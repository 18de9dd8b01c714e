"""Jobs whose deadline has passed, with what they have so far."""

from __future__ import annotations

from typing import Final

from redis.asyncio import Redis

from smoothgen.contracts import FINISHED
from smoothgen.queue import keys
from smoothgen.queue.connection import redis_errors
from smoothgen.queue.work_items import (
    CompleteLook,
    Overdue,
    in_turn,
    joined_chunks,
    joined_words,
    read_selection,
    read_spec,
    split_rows,
)

_AT_ONCE: Final = 64


async def overdue_jobs(redis: Redis, model: str, now_ms: int) -> list[str]:
    """Returns the ids of a model's jobs whose deadline is before now_ms, the most overdue first and some at a time.

    Raises QueueUnavailable.
    """
    with redis_errors():
        return list(await redis.zrangebyscore(keys.deadlines(model), "-inf", now_ms, start=0, num=_AT_ONCE))


async def overdue_job(redis: Redis, model: str, job_id: str) -> Overdue | None:
    """Returns an overdue job with its distances, None where it has ended.

    Raises ValueError for a record that cannot be read, QueueUnavailable.
    """
    with redis_errors():
        async with redis.pipeline() as transaction:  # one moment: a job may start over between two
            transaction.hmget(keys.job(job_id), "status", "spec", "opening", "device_s", "failure", "attempt")
            transaction.hgetall(keys.distances(job_id))
            transaction.hgetall(keys.runs(job_id))
            (status, spec, opening, spent_s, failure, attempt), distances, runs = await transaction.execute()
        if status is None or status in FINISHED:
            await redis.zrem(keys.deadlines(model), job_id)
            return None
    job, look = read_spec(spec or ""), None
    if distances:
        found, scores = split_rows(joined_chunks(in_turn(distances), scores=job.scored))
        words = joined_words(in_turn(runs))[: len(found)]
        look = CompleteLook(found, float(spent_s or 0), failure or "", words, scores)
    selection = read_selection(opening) if opening else None
    return Overdue(job, selection, look, int(attempt or 0))
