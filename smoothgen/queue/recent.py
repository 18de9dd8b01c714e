"""A tenant's latest jobs, read from the list that submitting a job adds it to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from redis.asyncio import Redis

from smoothgen.contracts import JobSummary
from smoothgen.queue import keys
from smoothgen.queue.connection import redis_errors


class RecentJobs:
    """Lists of jobs in Redis. Every method raises QueueUnavailable when Redis cannot be reached."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def latest(self, tenant: str, models: Sequence[str], most: int) -> list[JobSummary]:
        """Returns a tenant's jobs of these models, the latest submitted first, `most` at most.

        A job whose record is no longer kept is left out. Of each model the latest RECENT_JOBS are known.
        """
        submitted = await self._submitted(tenant, models)
        with redis_errors():
            async with self._redis.pipeline(transaction=False) as pipeline:
                for _, job_id, _ in submitted:
                    pipeline.hget(keys.job(job_id), "status")
                    pipeline.exists(keys.certificate(job_id))
                answers = await pipeline.execute()
        found = [
            JobSummary(
                id=job_id,
                model=model,
                status=status,
                submitted_at=datetime.fromtimestamp(submitted_ms / 1000, UTC),
                has_certificate=bool(certificates),
            )
            for (submitted_ms, job_id, model), status, certificates in zip(
                submitted, answers[::2], answers[1::2], strict=True
            )
            if status is not None
        ]
        return found[:most]

    async def _submitted(self, tenant: str, models: Sequence[str]) -> list[tuple[float, str, str]]:
        """Returns when each listed job was submitted (Unix ms), its id and its model, the latest first."""
        with redis_errors():
            async with self._redis.pipeline(transaction=False) as pipeline:
                for model in models:
                    pipeline.zrange(keys.recent(model, tenant), 0, -1, withscores=True)
                answers = await pipeline.execute()
        listed = [
            (submitted_ms, job_id, model)
            for model, jobs in zip(models, answers, strict=True)
            for job_id, submitted_ms in jobs
        ]
        return sorted(listed, reverse=True)
