"""Storing what came of work items, and following the decisions at complete looks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import structlog

from smoothgen.certificates.fleet.certify import NOT_SERVED, OUTSTANDING
from smoothgen.contracts import JobResult, JobSpec, ModelRef, Problem, written_bin
from smoothgen.queue import Claim, CompleteLook, Pace, WorkQueue
from smoothgen.tracing import span, under
from workers.jobs.decisions import Decision, DrawOn
from workers.jobs.methods import method_of
from workers.jobs.outcomes import Ended, Measured, NoRoom, Outcome, Refused
from workers.jobs.selection import Selected
from workers.serving.ended_jobs import EndedJobs
from workers.serving.pacing import pace_of
from workers.serving.reconnecting import Reconnecting

Decide = Callable[[Sequence[tuple[Claim, CompleteLook]]], Awaitable[list[Decision]]]
BatchSizes = Callable[[str], int]
"""Samples a batch of a model holds here, by its name."""


class Delivery:
    """Stores outcomes in Redis, however long it is away, and counts the jobs that end with them."""

    def __init__(
        self,
        queue: WorkQueue,
        redis: Reconnecting,
        ended: EndedJobs,
        refs: dict[str, ModelRef],
        batch_sizes: BatchSizes,
    ) -> None:
        """refs: of this worker's models, by name."""
        self._queue, self._redis, self._ended, self._refs = queue, redis, ended, refs
        self._batch_sizes = batch_sizes
        self.workers = dict.fromkeys(refs, 1)
        """How many workers serve each model. Kept up to date by the worker's announcements."""
        self._log = structlog.get_logger().bind(worker=queue.worker_id)

    async def deliver(self, claims: Sequence[Claim], outcomes: Sequence[Outcome], decide: Decide) -> None:
        """Stores the outcome of every work item, and takes the looks that are complete with it."""
        looks = await asyncio.gather(*(self._stored(*each) for each in zip(claims, outcomes, strict=True)))
        self._ended.log_succeeded()
        complete = [(claim, look) for claim, look in zip(claims, looks, strict=True) if look is not None]
        if not complete:
            return
        decisions = await decide(complete)
        await asyncio.gather(*(self._followed(claim, d) for (claim, _), d in zip(complete, decisions, strict=True)))
        self._ended.log_succeeded()

    async def hand_back(self, claims: Sequence[Claim]) -> None:
        """Gives work items back to the queue undone."""
        await self._redis.until_answered(lambda: self._queue.hand_back(claims), owed=True)

    async def succeed(
        self,
        spec: JobSpec,
        claim: Claim | None,
        result: JobResult,
        *,
        selected: Selected | None = None,
        attempt: int | None = None,
    ) -> None:
        """Ends a job with its result. `attempt`: the job's that the result is of, where no work item is held."""
        fleet_bin = "" if selected is None or selected.fleet_bin is None else written_bin(selected.fleet_bin)
        sheet = None if selected is None else selected.sheet
        first = await self._redis.until_answered(
            lambda: self._queue.succeed(spec, result, claim=claim, attempt=attempt, sheet=sheet, fleet_bin=fleet_bin),
            owed=True,
        )
        if first:
            self._ended.succeeded(spec, result, None if selected is None else selected.condition.mechanism)

    async def fail(self, claim: Claim, problem: Problem, *, fleet_bin: str = "") -> None:
        """Ends a job with a problem. fleet_bin: what its fleet pools keep of it, '' to leave it outstanding."""
        fail = partial(self._queue.fail, claim, self._refs[claim.model], problem, fleet_bin=fleet_bin)
        if await self._redis.until_answered(fail, owed=True):
            self._ended.failed(claim.spec, problem)

    async def _stored(self, claim: Claim, outcome: Outcome) -> CompleteLook | None:
        with under(claim.traceparent), span("delivery", job=claim.spec.id):
            return await self._store(claim, outcome)

    async def _followed(self, claim: Claim, decision: Decision) -> None:
        with under(claim.traceparent), span("delivery", job=claim.spec.id):
            await self._follow(claim, decision)

    async def _store(self, claim: Claim, outcome: Outcome) -> CompleteLook | None:
        """Stores one outcome. Returns the look that is complete with it."""
        if outcome is None:
            await self.hand_back([claim])
        elif isinstance(outcome, Refused):
            await self._refuse(claim, outcome)
        elif isinstance(outcome, NoRoom):
            await self._restart_smaller(claim, outcome.batch_limit)
        elif isinstance(outcome, Ended):
            await self.succeed(claim.spec, claim, outcome.result, selected=outcome.selected)
        elif isinstance(outcome, Measured):
            return await self._redis.until_answered(
                lambda: self._queue.store(
                    claim,
                    outcome.distances,
                    outcome.device_s,
                    outcome.failure,
                    outcome.words,
                    outcome.scores,
                    outcome.noisy_outputs,
                    outcome.pictures,
                ),
                owed=True,
            )
        else:
            await self._store_selection(claim, outcome)
        return None

    async def _store_selection(self, claim: Claim, selected: Selected) -> None:
        stored = selected.stored
        looks = method_of(claim.spec).looks(claim.spec, stored)
        first, total = looks[0], stored.generations + looks[-1]
        pace = self._pace(claim, first, stored.device_s / stored.generations, stored.batch_size)
        await self._redis.until_answered(
            lambda: self._queue.open(
                claim,
                stored,
                look_end=first,
                pace=pace,
                sheet=selected.sheet,
                noisy_outputs=selected.noisy_outputs,
                total=total,
            ),
            owed=True,
        )

    async def _follow(self, claim: Claim, decision: Decision) -> None:
        """Goes on to the next look, or ends the job."""
        if isinstance(decision, Refused):
            await self._refuse(claim, decision)
        elif isinstance(decision, DrawOn):
            further = decision.following - decision.samples
            pace = self._pace(claim, further, decision.seconds_a_sample, decision.batch_size)
            await self._redis.until_answered(
                lambda: self._queue.advance(
                    claim, decision.samples, decision.following, pace, decision.radius, decision.w1_bound
                ),
                owed=True,
            )
        else:
            await self.succeed(claim.spec, claim, decision)

    async def _refuse(self, claim: Claim, refused: Refused) -> None:
        fleet_bin = "" if claim.spec.pool is None else written_bin(NOT_SERVED if refused.noiseless else OUTSTANDING)
        await self.fail(claim, refused.problem, fleet_bin=fleet_bin)

    async def _restart_smaller(self, claim: Claim, batch_limit: int) -> None:
        """Starts a job of fixed batches over with smaller ones: its samples so far stood in batches of the larger size.

        A job restarts so no more often than its batch size can be halved.
        """
        restart = partial(self._queue.restart, claim, claim.spec, batch_limit=batch_limit)
        if await self._redis.until_answered(restart, owed=True) == "restarted":
            reason = "a batch does not fit the memory"
            self._log.warning("job_restarted", **claim.spec.log_fields, reason=reason, batch_limit=batch_limit)

    def _pace(self, claim: Claim, samples: int, seconds_a_sample: float, fixed: int | None) -> Pace:
        """Returns how the samples are cut into chunks. `fixed`: the size of the job's batches, where it is fixed."""
        return pace_of(
            samples,
            samples_a_second=1 / max(seconds_a_sample, 1e-9),
            batch_size=fixed or self._batch_sizes(claim.model),
            workers=self.workers[claim.model],
        )
