"""The work loop: claim → compute → store → acknowledge, and drain on SIGTERM.

One event loop talks to Redis, one thread computes. Redis may go away at any time: the loop tries again for ever, the
computation goes on, and its results are stored when Redis is back.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import partial
from typing import Any, TypeVar

import structlog

from smoothgen.certificates.fleet.certify import NOT_SERVED, OUTSTANDING
from smoothgen.certificates.stopping.decide import LookResult
from smoothgen.contracts import JobResult, JobSpec, ModelRef, Problem, written_bin
from smoothgen.errors import GenerationFailed, QueueUnavailable
from smoothgen.mechanisms import Mechanism, mechanism_from_dict
from smoothgen.process.draining import GRACE_S
from smoothgen.queue import Claim, CompleteLook, Pace, WorkQueue, keys
from workers.job_logs import failure_fields
from workers.jobs.certification import NONE_DRAWN, at_the_deadline, look_at, plan_of, proven_so_far, result_of
from workers.jobs.selection import Selected
from workers.progress import made_progress
from workers.serving.comparison_calls import ComparisonCalls
from workers.serving.compute import ComputeThread, Running
from workers.serving.executor import Done, Ended, Executor, Measured, NoRoom, Refused, crashed
from workers.serving.hanging import TICK_S, Hanging, Patience
from workers.serving.leaving import ABANDONED, Leaving
from workers.serving.loaded_model import LoadedModel
from workers.serving.metrics import Metrics
from workers.serving.pacing import pace_of
from workers.serving.restarting import Restarting
from workers.serving.run_state import RunState
from workers.settings import Settings

_CLAIM_BLOCK_MS = 1000
_PULSE_S = 0.5
"""How often Redis hears of the work in hand, and how soon a cancelled job is noticed."""
_DEADLINES_S = 0.2
_RECONNECT_S = 0.5
_ANNOUNCE_S = keys.WORKER_TTL_S / 3

Answer = TypeVar("Answer")


class Worker:
    """Serves its models' work, hand after hand, until told to stop."""

    def __init__(
        self,
        queue: WorkQueue,
        models: dict[str, LoadedModel],
        settings: Settings,
        metrics: Metrics,
        compute: ComputeThread,
    ) -> None:
        """`compute`: the one thread that loaded the models and runs them; shut down when the worker ends."""
        self._queue, self._models, self._settings, self._metrics = queue, models, settings, metrics
        self._runners = {name: Executor(served, settings.batch_size) for name, served in models.items()}
        self._builds = {name: model.build for name, model in models.items()}
        self._workers = dict.fromkeys(models, 1)
        self._compute = compute
        patience = Patience({name: runner.speed for name, runner in self._runners.items()}, settings)
        self.hanging = Hanging(compute, patience.limit_s, metrics)
        self._stopping = asyncio.Event()
        self._watch: RunState | None = None
        self._leaving = Leaving(self._abandon)
        self._ended: dict[str, str] = {}
        self._measured: set[str] = set()
        self._request_ids: dict[str, str] = {}
        self._log = structlog.get_logger().bind(worker=queue.worker_id)

    def stop(self) -> None:
        """Take no further work; after the drain timeout, hand back what is in hand at the next batch boundary.

        Where that does not come within a short grace, or the computing thread hangs already, the process ends.
        """
        if not self._stopping.is_set():
            drain_s = self._settings.drain_timeout_s
            self._log.info("draining", timeout_s=drain_s)
            self._stopping.set()
            asyncio.get_running_loop().call_later(drain_s, self._interrupt)
            self._leaving.after(0.0 if self._hangs() else drain_s + GRACE_S)

    def _interrupt(self) -> None:
        if self._watch is not None:
            self._watch.stop = True

    def _hangs(self) -> bool:
        return self.hanging.hang is not None

    async def _abandon(self) -> None:
        """Hand the pieces back, although the thread is at one of them; what it may still store is void by then."""
        held = [] if self._watch is None else self._watch.claims
        hang = self.hanging.hang
        reason = "the work in hand did not end in time" if hang is None else hang.detail
        self._log.error("abandoned", pieces=len(held), exit_code=ABANDONED, detail=reason)
        with contextlib.suppress(QueueUnavailable):
            await self._queue.hand_back(held, counted=self._hangs())
            await self._queue.leave(list(self._models))

    async def run(self) -> None:
        """Serve until `stop`."""
        names = list(self._models)
        await self._until_redis(self._announce)
        self._log.info("ready", models=names)
        left = asyncio.Event()
        restarting = Restarting(
            self._queue,
            {name: self._ref(name) for name in names},
            self._builds,
            after_s=self._settings.restart_after_s,
            on_failure=lambda claim, problem: self._count_failure(claim.spec, problem),
        )
        announce_s = min(_ANNOUNCE_S, restarting.every_s)
        beside = [
            asyncio.create_task(self._repeat_until(left, announce_s, self._announce)),
            asyncio.create_task(self._repeat_until(left, _DEADLINES_S, self._settle_overdue)),
            asyncio.create_task(self._repeat_until(left, restarting.every_s, restarting.settle)),
            asyncio.create_task(self._repeat_until(left, TICK_S, self._look_at_the_thread)),
            asyncio.create_task(
                ComparisonCalls(self._queue.covers, self._models, self._compute, self._hangs).serve(self._stopping)
            ),
        ]
        try:
            while not self._stopping.is_set():
                if self._hangs():  # in a comparison: hands of work are waited for
                    await _set_within(self._stopping, TICK_S)
                    continue
                # The largest capacity of its models: a hand is of one model, and the queue does not know which it is.
                samples = max(runner.speed.capacity(runner.batch_size) for runner in self._runners.values())
                pieces = max(runner.batch_size for runner in self._runners.values())
                claim = partial(
                    self._queue.claim, self._builds, samples=samples, pieces=pieces, block_ms=_CLAIM_BLOCK_MS
                )
                claims = await self._until_redis(claim)
                if claims:
                    await self._serve(claims)
                    await self._tell_first_speed(claims[0].model)
        finally:
            self.stop()  # after an error of our own too: what runs beside would go on for ever
            left.set()
            await asyncio.gather(*beside)
            with contextlib.suppress(QueueUnavailable):
                await self._queue.leave(names)
            await self._leaving.call_off()
            self._compute.shutdown()
            self._log.info("stopped")

    async def _look_at_the_thread(self) -> None:
        hung = self._hangs()
        self.hanging.tick()
        if hung != self._hangs():
            await self._announce()

    async def _tell_first_speed(self, model: str) -> None:
        """Announce how fast a model is as soon as that is known: until then the queue lets little of its work in."""
        if model not in self._measured and self._runners[model].speed.samples_a_second > 0:
            self._measured.add(model)
            await self._until_redis(self._announce)

    async def _announce(self) -> None:
        if self._hangs():  # not to be counted among the workers there are
            await self._queue.leave(list(self._models))
            return
        # Cards too: a Redis that came back empty must learn the models again.
        await self._queue.register([m.card for m in self._models.values()], self._builds)
        self._workers = await self._queue.announce(
            {name: runner.speed.samples_a_second for name, runner in self._runners.items()}, self._builds
        )

    async def _serve(self, claims: list[Claim]) -> None:
        if self._stopping.is_set() or self._hangs():  # since the claim was on its way
            await self._until_redis(lambda: self._queue.hand_back(claims), owed=True)
            return
        claims = await self._in_time(await self._without_poison(claims))
        if not claims:
            return
        watch = self._watch = RunState(claims[0].model, self._metrics, claims, started=self._queue.clock.last())
        delivered = asyncio.Event()
        keeping: list[asyncio.Task[None]] = []

        def keep() -> None:
            keeping.append(asyncio.create_task(self._keep_until(delivered, watch)))

        # Most hands are done before they need keeping, and are spared the task.
        first_pulse = asyncio.get_running_loop().call_later(self._pulse_s, keep)
        try:
            done = await self._compute.run(self._running(claims), self._runners[watch.model].run, watch)
            await self._deliver(claims, done)
        finally:
            first_pulse.cancel()
            # Not cancelled: a command cut off half-way could arrive after the outcome is stored, and the Redis client
            # has been seen to swallow a cancellation.
            delivered.set()
            for task in keeping:
                await task
            self._watch = None

    @property
    def _pulse_s(self) -> float:
        return min(_PULSE_S, self._settings.lease_s / 6)

    async def _without_poison(self, claims: list[Claim]) -> list[Claim]:
        sound = []
        for claim in claims:
            if claim.deliveries > 1:
                self._metrics.models[claim.model].retries.inc()
            if claim.deliveries <= keys.MAX_DELIVERIES:
                sound.append(claim)
                continue
            self._log.error("job_buried", **claim.spec.log_fields, deliveries=claim.deliveries)
            poison = _poison(claim)
            bury = partial(self._queue.bury, claim, self._ref(claim.model), poison)
            if await self._until_redis(bury, owed=True):
                self._count_failure(claim.spec, poison)
        return sound

    async def _in_time(self, claims: list[Claim]) -> list[Claim]:
        """Without openings whose deadline has passed: nobody wants their output any more."""
        late = [claim for claim in claims if claim.opens and self._is_past(claim.spec.deadline_ms)]
        for claim in late:
            problem = _no_output(claim.spec)
            fail = partial(self._queue.fail, claim, self._ref(claim.model), problem)
            if await self._until_redis(fail, owed=True):
                self._count_failure(claim.spec, problem)
        return [claim for claim in claims if claim not in late]

    def _is_past(self, deadline_ms: int | None) -> bool:
        return deadline_ms is not None and self._queue.clock.last() * 1000 > deadline_ms

    async def _deliver(self, claims: Sequence[Claim], done: Sequence[Done]) -> None:
        """Store what came of every piece; take the looks that are complete with it."""
        looks = await _together([self._store(*each) for each in zip(claims, done, strict=True)])
        self._tell_ended()
        complete = [(claim, look) for claim, look in zip(claims, looks, strict=True) if look is not None]
        if not complete:
            return
        decide = partial(_decide_all, complete)
        decisions = await self._compute.run(self._running(claims), decide)
        await _together([self._follow(claim, look, d) for (claim, look), d in zip(complete, decisions, strict=True)])
        self._tell_ended()

    async def _store(self, claim: Claim, done: Done) -> CompleteLook | None:
        if done is None:
            await self._until_redis(lambda: self._queue.hand_back([claim]), owed=True)
        elif isinstance(done, Refused):
            await self._fail(claim, done)
        elif isinstance(done, NoRoom):
            await self._restart_smaller(claim, done.batch_limit)
        elif isinstance(done, Ended):
            await self._succeed(claim.spec, claim, done.result, opened=done.opened)
        elif isinstance(done, Measured):
            return await self._until_redis(
                lambda: self._queue.store(claim, done.distances, done.device_s, done.failure), owed=True
            )
        else:
            opening, first = done.opening, plan_of(claim.spec).sizes[0]
            pace = self._pace(claim, first, opening.device_s / opening.generations, opening.batch_size)
            await self._until_redis(
                lambda: self._queue.open(claim, opening, look_end=first, pace=pace, sheet=done.sheet), owed=True
            )
        return None

    async def _follow(self, claim: Claim, look: CompleteLook, decision: LookResult | JobResult | Refused) -> None:
        """Go on to the next look, or end the job."""
        if isinstance(decision, Refused):
            await self._fail(claim, decision)
        elif isinstance(decision, JobResult):
            await self._succeed(claim.spec, claim, decision)
        else:
            taken = len(look.distances)
            following = plan_of(claim.spec).next_size(taken)
            if following is None:
                raise GenerationFailed(f"job {claim.spec.id} goes on after its last look")
            fixed = None if claim.opening is None else claim.opening.batch_size
            pace = self._pace(claim, following - taken, look.device_s / taken, fixed)
            radius, bound = proven_so_far(claim.spec, decision.outcome)
            await self._until_redis(
                lambda: self._queue.advance(claim, taken, following, pace, radius, bound), owed=True
            )

    async def _restart_smaller(self, claim: Claim, batch_limit: int) -> None:
        """Start a job of fixed batches over with smaller ones: what it has was computed in batches of the larger size.

        No more often than the size can be halved.
        """
        restart = partial(self._queue.restart, claim, claim.spec, batch_limit=batch_limit)
        if await self._until_redis(restart, owed=True) == "restarted":
            reason = "a batch does not fit the memory"
            self._log.warning("job_restarted", **claim.spec.log_fields, reason=reason, batch_limit=batch_limit)

    def _pace(self, claim: Claim, samples: int, seconds_a_sample: float, fixed: int | None) -> Pace:
        """`fixed`: the size of the job's batches, where it is."""
        return pace_of(
            samples,
            samples_a_second=1 / max(seconds_a_sample, 1e-9),
            batch_size=fixed or self._runners[claim.model].batch_size,
            workers=self._workers[claim.model],
        )

    async def _succeed(
        self,
        spec: JobSpec,
        claim: Claim | None,
        result: JobResult,
        *,
        opened: Selected | None = None,
        attempt: int | None = None,
    ) -> None:
        """`attempt`: the job's that the result is of, where no piece is held."""
        fleet_bin = "" if opened is None or opened.fleet_bin is None else written_bin(opened.fleet_bin)
        sheet = None if opened is None else opened.sheet
        first = await self._until_redis(
            lambda: self._queue.succeed(spec, result, claim=claim, attempt=attempt, sheet=sheet, fleet_bin=fleet_bin),
            owed=True,
        )
        if first:
            self._ended[spec.id] = "abstention" if result.certificate is None else "certificate"
            if spec.request_id is not None:
                self._request_ids[spec.id] = spec.request_id
            self._count(spec, result, None if opened is None else opened.condition.mechanism)

    def _tell_ended(self) -> None:
        """One line for all jobs of a hand: a line each would take a tenth of a small job's time."""
        if self._ended:
            self._log.info("jobs_ended", jobs=self._ended, request_ids=self._request_ids)
            self._ended, self._request_ids = {}, {}

    async def _fail(self, claim: Claim, refused: Refused) -> None:
        fleet_bin = "" if claim.spec.pool is None else written_bin(NOT_SERVED if refused.noiseless else OUTSTANDING)
        first = await self._until_redis(
            lambda: self._queue.fail(claim, self._ref(claim.model), refused.problem, fleet_bin=fleet_bin), owed=True
        )
        if first:
            self._count_failure(claim.spec, refused.problem)

    async def _settle_overdue(self) -> None:
        """Certify jobs whose deadline has passed with the samples they have, whoever works on them."""
        for overdue in await self._queue.overdue(self._models):
            spec, opening, look = overdue.spec, overdue.opening, overdue.look
            distances = NONE_DRAWN if look is None else look.distances
            if opening is None:
                if await self._queue.expire(spec, self._ref(spec.request.model), _no_output(spec)):
                    self._count_failure(spec, _no_output(spec))
                continue
            device_s = opening.device_s if look is None else look.device_s
            failure = "" if look is None else look.failure
            # Not in the computing thread, which may be busy for longer than the deadline allows.
            try:
                result = await asyncio.to_thread(at_the_deadline, spec, opening, distances, failure, device_s)
            except Exception as error:  # this job's record: the others of the model have deadlines, too
                problem = crashed(spec, error).problem
                if await self._queue.expire(spec, self._ref(spec.request.model), problem):
                    self._count_failure(spec, problem)
                continue
            await self._succeed(spec, None, result, attempt=overdue.attempt)
        self._tell_ended()

    def _ref(self, model: str) -> ModelRef:
        card = self._models[model].card
        return ModelRef(name=card.id, revision=card.revision, digest=card.digest)

    def _count(self, spec: JobSpec, result: JobResult, mechanism: Mechanism | None) -> None:
        """`mechanism`: the certificate's, where it is at hand."""
        series = self._metrics.models[spec.request.model]
        series.job_seconds.observe(max(0.0, self._queue.clock.last() - spec.submitted_ms / 1000))
        series.job_samples.observe(result.usage.overhead)
        series.ended[self._ended[spec.id]].inc()
        if result.certificate is not None:
            mechanism = mechanism or mechanism_from_dict(result.certificate["mechanism"])
            series.radius(spec.metric.name).observe(result.certificate["radius"] / mechanism.effective_sigma)

    def _count_failure(self, spec: JobSpec, problem: Problem) -> None:
        self._log.warning("job_failed", **failure_fields(spec, problem))
        self._metrics.models[spec.request.model].ended["failed"].inc()

    async def _keep_until(self, delivered: asyncio.Event, watch: RunState) -> None:
        """Publish progress, notice cancelled jobs and keep the lease of a hand that takes longer than a pulse.

        Not while the computing thread hangs, nor when the pieces are handed back: then they are others' to take.
        """
        beat = time.monotonic() - self._pulse_s
        while not delivered.is_set() and not self._leaving.begun:
            if self._hangs():
                await _set_within(delivered, self._pulse_s)
                continue
            with contextlib.suppress(QueueUnavailable):  # try again at the next tick
                watch.ended |= await self._queue.pulse(watch.openings())
                if time.monotonic() - beat > self._settings.lease_s / 3:
                    await self._queue.heartbeat(watch.claims)
                    beat = time.monotonic()
            await _set_within(delivered, self._pulse_s)

    async def _repeat_until(self, left: asyncio.Event, every_s: float, step: Callable[[], Awaitable[None]]) -> None:
        while not await _set_within(left, every_s):
            try:
                await step()
            except QueueUnavailable:
                continue
            except Exception:  # the next round may succeed; a dead task would be noticed by nobody
                self._log.exception("step_failed", step=step.__name__)

    def _running(self, claims: Sequence[Claim]) -> Running:
        model = claims[0].model
        rows = self._runners[model].batch_size
        if not self._models[model].fixes_batches:
            rows = min(rows, sum(claim.count for claim in claims))
        return Running(model, max(1, rows))

    async def _until_redis(self, call: Callable[[], Awaitable[Answer]], *, owed: bool = False) -> Answer | None:
        """Call until Redis answers. Returns None when told to stop: at once, or after the drain timeout where an
        outcome is `owed`."""
        give_up: float | None = None
        while True:
            try:
                return await call()
            except QueueUnavailable as error:
                self._log.warning("redis_away", detail=str(error))
                if self._stopping.is_set():
                    give_up = give_up or time.monotonic() + (self._settings.drain_timeout_s if owed else 0.0)
                    if time.monotonic() >= give_up:
                        return None
                await asyncio.sleep(_RECONNECT_S)


def _decide_all(
    complete: Sequence[tuple[Claim, CompleteLook]],
) -> list[LookResult | JobResult | Refused]:
    decisions = []
    for claim, look in complete:
        decisions.append(_decide(claim, look))
        made_progress()
    return decisions


def _decide(claim: Claim, look: CompleteLook) -> LookResult | JobResult | Refused:
    """What a complete look leads to: more samples, the result, or a problem."""
    spec, opening = claim.spec, claim.opening
    try:
        if opening is None:
            raise GenerationFailed(f"job {spec.id} has a look and no opening")
        taken = look_at(spec, opening, look.distances, look.failure)
        if taken.stop is None:
            return taken
        return result_of(spec, opening, taken.outcome, look.distances, look.device_s)
    except GenerationFailed as error:
        problem = Problem.of("generation-failed", "The model gave nothing to certify", 500, str(error))
        return Refused(problem, noiseless=False)
    except Exception as error:  # the job fails, the worker lives
        return crashed(spec, error)


async def _together(steps: Sequence[Coroutine[Any, Any, Answer]]) -> list[Answer]:
    """What all of them give. One alone needs no task of its own."""
    return [await steps[0]] if len(steps) == 1 else list(await asyncio.gather(*steps))


async def _set_within(event: asyncio.Event, seconds: float) -> bool:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
    return event.is_set()


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
