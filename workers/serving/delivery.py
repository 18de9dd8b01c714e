"""Delivers what was computed: stores results in Redis, takes complete looks further, and settles overdue jobs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

import structlog

from smoothgen.contracts import JobResult
from smoothgen.errors import GenerationFailed
from smoothgen.queue import Claim, CompleteLook, Overdue, Pace, WorkQueue
from workers.jobs.certification import NONE_DRAWN, at_the_deadline, plan_of, proven_so_far
from workers.serving.decisions import Decision, deadline_without_output
from workers.serving.executor import Executor
from workers.serving.job_endings import JobEndings
from workers.serving.pacing import pace_of
from workers.serving.redis_retries import RedisRetries
from workers.serving.results import Ended, Measured, NoRoom, Refused, Result, crashed

Decide = Callable[[Sequence[tuple[Claim, CompleteLook]]], Awaitable[list[Decision]]]
"""Runs `decide_all` in the computing thread."""


class Delivery:
    """One worker's deliveries."""

    def __init__(
        self,
        queue: WorkQueue,
        executors: Mapping[str, Executor],
        endings: JobEndings,
        retries: RedisRetries,
    ) -> None:
        self._queue, self._executors, self._endings, self._retries = queue, executors, endings, retries
        self.workers = dict.fromkeys(executors, 1)
        """How many workers serve each model, as the last announcement counted them."""
        self._log = structlog.get_logger().bind(worker=queue.worker_id)

    async def deliver(self, claims: Sequence[Claim], results: Sequence[Result], decide: Decide) -> None:
        """Stores what came of every work item, and follows the looks that are complete with it."""
        looks = await asyncio.gather(*[self._store(*each) for each in zip(claims, results, strict=True)])
        self._endings.tell()
        complete = [(claim, look) for claim, look in zip(claims, looks, strict=True) if look is not None]
        if not complete:
            return
        decisions = await decide(complete)
        await asyncio.gather(
            *[self._follow(claim, look, d) for (claim, look), d in zip(complete, decisions, strict=True)]
        )
        self._endings.tell()

    async def settle(self, overdue: Overdue) -> None:
        """Certifies a job whose deadline has passed with the samples it has, whoever works on it.

        Raises QueueUnavailable.
        """
        spec, selection, look = overdue.spec, overdue.opening, overdue.look
        if selection is None:
            await self._endings.expire(spec, deadline_without_output(spec))
            return
        distances = NONE_DRAWN if look is None else look.distances
        device_s = selection.device_s if look is None else look.device_s
        failure = "" if look is None else look.failure
        try:
            # Not in the computing thread, which may be busy for longer than the deadline allows.
            result = await asyncio.to_thread(at_the_deadline, spec, selection, distances, failure, device_s)
        except Exception as error:  # one job's record is at fault: the others have deadlines, too
            await self._endings.expire(spec, crashed(spec, error).problem)
            return
        await self._endings.succeed(spec, None, result, attempt=overdue.attempt)

    async def _store(self, claim: Claim, result: Result) -> CompleteLook | None:
        """Returns the look that is complete with these distances, None where none is."""
        if result is None:
            await self._retries.until_answered(lambda: self._queue.hand_back([claim]), owed=True)
        elif isinstance(result, Refused):
            await self._endings.refuse(claim, result)
        elif isinstance(result, NoRoom):
            await self._restart_smaller(claim, result.batch_limit)
        elif isinstance(result, Ended):
            await self._endings.succeed(claim.spec, claim, result.result, selected=result.selected)
        elif isinstance(result, Measured):
            return await self._retries.until_answered(
                lambda: self._queue.store(claim, result.distances, result.device_s, result.failure), owed=True
            )
        else:
            selection, first = result.selection, plan_of(claim.spec).sizes[0]
            pace = self._pace(claim, first, selection.device_s / selection.generations, selection.batch_size)
            await self._retries.until_answered(
                lambda: self._queue.open(claim, selection, look_end=first, pace=pace, sheet=result.sheet), owed=True
            )
        return None

    async def _follow(self, claim: Claim, look: CompleteLook, decision: Decision) -> None:
        """Goes on to the next look, or ends the job."""
        if isinstance(decision, Refused):
            await self._endings.refuse(claim, decision)
        elif isinstance(decision, JobResult):
            await self._endings.succeed(claim.spec, claim, decision)
        else:
            taken = len(look.distances)
            following = plan_of(claim.spec).next_size(taken)
            if following is None:
                raise GenerationFailed(f"job {claim.spec.id} goes on after its last look")
            fixed = None if claim.opening is None else claim.opening.batch_size
            pace = self._pace(claim, following - taken, look.device_s / taken, fixed)
            radius, bound = proven_so_far(claim.spec, decision.outcome)
            await self._retries.until_answered(
                lambda: self._queue.advance(claim, taken, following, pace, radius, bound), owed=True
            )

    async def _restart_smaller(self, claim: Claim, batch_limit: int) -> None:
        """Starts a job of fixed batches over with smaller ones: what it has was computed in batches of the larger size.

        A job restarts so no more often than the size can be halved.
        """
        restarted = await self._retries.until_answered(
            lambda: self._queue.restart(claim, claim.spec, batch_limit=batch_limit), owed=True
        )
        if restarted == "restarted":
            reason = "a batch does not fit the memory"
            self._log.warning("job_restarted", **claim.spec.log_fields, reason=reason, batch_limit=batch_limit)

    def _pace(self, claim: Claim, samples: int, seconds_a_sample: float, fixed: int | None) -> Pace:
        """Returns how a look is cut into chunks. fixed: the size of the job's batches, where it is fixed."""
        return pace_of(
            samples,
            samples_a_second=1 / max(seconds_a_sample, 1e-9),
            batch_size=fixed or self._executors[claim.model].batch_size,
            workers=self.workers[claim.model],
        )
