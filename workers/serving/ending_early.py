"""Ending jobs that nobody should compute for: past their deadline, or given up after too many lost workers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial

import structlog

from smoothgen.contracts import JobSpec, ModelRef, Problem
from smoothgen.queue import Claim, WorkQueue, keys
from workers.jobs.decisions import decide_at_deadline
from workers.jobs.outcomes import Refused
from workers.serving.delivery import Delivery
from workers.serving.ended_jobs import EndedJobs
from workers.serving.metrics import Metrics
from workers.serving.reconnecting import Reconnecting


class EndingEarly:
    """Sorts out claims before they are computed, and ends overdue jobs whoever works on them."""

    def __init__(
        self,
        queue: WorkQueue,
        redis: Reconnecting,
        delivery: Delivery,
        ended: EndedJobs,
        refs: Mapping[str, ModelRef],
        metrics: Metrics,
    ) -> None:
        """refs: of this worker's models, by name."""
        self._queue, self._redis, self._delivery, self._ended = queue, redis, delivery, ended
        self._refs, self._metrics = refs, metrics
        self._log = structlog.get_logger().bind(worker=queue.worker_id)

    async def worth_computing(self, claims: list[Claim]) -> list[Claim]:
        """Returns the claims that are to be computed. The jobs of the others are failed."""
        return await self._in_time(await self._without_poison(claims))

    async def settle_overdue(self) -> None:
        """Certifies jobs whose deadline has passed with the samples they have. Raises QueueUnavailable."""
        for overdue in await self._queue.overdue(self._refs):
            spec = overdue.spec
            # Not in the computing thread, which may be busy for longer than the deadline allows.
            decision = await asyncio.to_thread(decide_at_deadline, overdue)
            if decision is None or isinstance(decision, Refused):
                problem = _no_output(spec) if decision is None else decision.problem
                if await self._queue.expire(spec, self._refs[spec.request.model], problem):
                    self._ended.failed(spec, problem)
            else:
                await self._delivery.succeed(spec, None, decision, attempt=overdue.attempt)
        self._ended.log_succeeded()

    async def _without_poison(self, claims: list[Claim]) -> list[Claim]:
        """Fails the jobs that too many workers fell silent over."""
        sound = []
        for claim in claims:
            if claim.deliveries > 1:
                self._metrics.models[claim.model].retries.inc()
            if claim.deliveries <= keys.MAX_DELIVERIES:
                sound.append(claim)
                continue
            self._log.error("job_buried", **claim.spec.log_fields, deliveries=claim.deliveries)
            poison = _poison(claim)
            bury = partial(self._queue.bury, claim, self._refs[claim.model], poison)
            if await self._redis.until_answered(bury, owed=True):
                self._ended.failed(claim.spec, poison)
        return sound

    async def _in_time(self, claims: list[Claim]) -> list[Claim]:
        """Fails the jobs without an output whose deadline has passed: nobody waits for one any more."""
        late = [claim for claim in claims if claim.is_selection and self._is_past(claim.spec.deadline_ms)]
        for claim in late:
            await self._delivery.fail(claim, _no_output(claim.spec))
        return [claim for claim in claims if claim not in late]

    def _is_past(self, deadline_ms: int | None) -> bool:
        return deadline_ms is not None and self._queue.clock.last() * 1000 > deadline_ms


def _poison(claim: Claim) -> Problem:
    return Problem.of(
        "job-abandoned",
        "No worker survived this job",
        500,
        f"{claim.deliveries - 1} workers took a piece of this job and fell silent; it was given up. The operator finds "
        f"it in the dead letters of model {claim.model!r}",
    )


def _no_output(spec: JobSpec) -> Problem:
    return Problem.of(
        "deadline-passed",
        "The deadline passed before there was an output",
        504,
        f"deadline_s={spec.request.robustness.deadline_s!r} passed before the first sample was drawn; give more time, "
        "or send it again when the server is less busy",
    )
