"""The work loop: it takes work items, has them computed, and has the results delivered, until it is told to stop.

One event loop talks to Redis, one thread computes. Redis may go away at any time: the loop tries again for ever, the
computation goes on, and its results are stored when Redis is back.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import structlog

from smoothgen.errors import QueueUnavailable
from smoothgen.process.draining import GRACE_S
from smoothgen.queue import Claim, CompleteLook, WorkQueue, keys
from workers.serving.comparison_calls import ComparisonCalls
from workers.serving.compute import ComputeThread, Running
from workers.serving.decisions import Decision, deadline_without_output, decide_all, no_worker_survived
from workers.serving.delivery import Delivery
from workers.serving.executor import Executor
from workers.serving.hanging import TICK_S, Hanging, Patience
from workers.serving.job_endings import JobEndings
from workers.serving.leaving import ABANDONED, Leaving
from workers.serving.loaded_model import LoadedModel
from workers.serving.metrics import Metrics
from workers.serving.redis_retries import RedisRetries
from workers.serving.restarting import Restarting
from workers.serving.run_state import RunState
from workers.settings import Settings

_CLAIM_BLOCK_MS: Final = 1000
_PULSE_S: Final = 0.5
"""How often Redis hears of the work in hand, and how soon a cancelled job is noticed."""
_DEADLINES_S: Final = 0.2
_ANNOUNCE_S: Final = keys.WORKER_TTL_S / 3


class Worker:
    """Serves its models' work until it is told to stop."""

    def __init__(
        self,
        queue: WorkQueue,
        models: dict[str, LoadedModel],
        settings: Settings,
        metrics: Metrics,
        compute: ComputeThread,
    ) -> None:
        """compute: the one thread that loaded the models and runs them; it is shut down when the worker ends."""
        self._queue, self._models, self._settings, self._metrics = queue, models, settings, metrics
        self._executors = {name: Executor(model, settings.batch_size) for name, model in models.items()}
        self._builds = {name: model.build for name, model in models.items()}
        self._compute = compute
        patience = Patience({name: executor.speed for name, executor in self._executors.items()}, settings)
        self.hanging = Hanging(compute, patience.limit_s, metrics)
        self._stopping = asyncio.Event()
        self._retries = RedisRetries(self._stopping, settings.drain_timeout_s, queue.worker_id)
        self._endings = JobEndings(queue, models, metrics, self._retries)
        self._delivery = Delivery(queue, self._executors, self._endings, self._retries)
        self._state: RunState | None = None
        self._leaving = Leaving(self._abandon)
        self._measured: set[str] = set()
        self._log = structlog.get_logger().bind(worker=queue.worker_id)

    def stop(self) -> None:
        """Takes no further work; after the drain time, hands back what is in hand at the next batch boundary.

        Where that does not come within a short grace, or the computing thread hangs already, the process ends.
        """
        if not self._stopping.is_set():
            drain_s = self._settings.drain_timeout_s
            self._log.info("draining", timeout_s=drain_s)
            self._stopping.set()
            asyncio.get_running_loop().call_later(drain_s, self._interrupt)
            self._leaving.after(0.0 if self._hangs() else drain_s + GRACE_S)

    async def run(self) -> None:
        """Serves until `stop`."""
        names = list(self._models)
        await self._retries.until_answered(self._announce)
        self._log.info("ready", models=names)
        left = asyncio.Event()
        beside = self._start_beside(left)
        try:
            while not self._stopping.is_set():
                if self._hangs():  # in a comparison: work items would be waited for, and the wait has an end
                    await _set_within(self._stopping, TICK_S)
                    continue
                claims = await self._retries.until_answered(self._claim)
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

    def _start_beside(self, left: asyncio.Event) -> list[asyncio.Task[None]]:
        """Returns what runs beside the work until `left` is set."""
        restarting = Restarting(
            self._queue,
            self._builds,
            model_of=self._endings.model_of,
            after_s=self._settings.restart_after_s,
            on_failure=self._endings.count_failure,
        )
        comparisons = ComparisonCalls(self._queue.covers, self._models, self._compute, self._hangs)
        steps: list[tuple[float, Callable[[], Awaitable[None]]]] = [
            (min(_ANNOUNCE_S, restarting.every_s), self._announce),
            (_DEADLINES_S, self._settle_overdue),
            (restarting.every_s, restarting.settle),
            (TICK_S, self._look_at_the_thread),
        ]
        repeated = [self._repeat_until(left, every_s, step) for every_s, step in steps]
        return [asyncio.create_task(each) for each in (*repeated, comparisons.serve(self._stopping))]

    # The work

    async def _claim(self) -> list[Claim]:
        # The largest capacity of its models: the claims are of one model, and the queue does not know which it will be.
        return await self._queue.claim(
            self._builds,
            samples=max(executor.speed.capacity(executor.batch_size) for executor in self._executors.values()),
            pieces=max(executor.batch_size for executor in self._executors.values()),
            block_ms=_CLAIM_BLOCK_MS,
        )

    async def _serve(self, claims: list[Claim]) -> None:
        """Has the work items computed and delivers what came of them, keeping their leases meanwhile."""
        if self._stopping.is_set() or self._hangs():  # since the claim was on its way
            await self._retries.until_answered(lambda: self._queue.hand_back(claims), owed=True)
            return
        claims = await self._in_time(await self._without_poison(claims))
        if not claims:
            return
        state = self._state = RunState(claims[0].model, self._metrics, claims, started=self._queue.clock.last())
        delivered = asyncio.Event()
        keeping = asyncio.create_task(self._keep_until(delivered, state))
        running = self._running(claims)

        async def decide(complete: Sequence[tuple[Claim, CompleteLook]]) -> list[Decision]:
            return await self._compute.run(running, decide_all, complete)

        try:
            results = await self._compute.run(running, self._executors[state.model].run, state)
            await self._delivery.deliver(claims, results, decide)
        finally:
            # Not cancelled: a command cut off half-way could arrive after the outcome is stored, and the Redis client
            # has been seen to swallow a cancellation.
            delivered.set()
            await keeping
            self._state = None

    async def _without_poison(self, claims: list[Claim]) -> list[Claim]:
        """Returns the claims but those that were delivered too often. Their jobs fail."""
        sound = []
        for claim in claims:
            if claim.deliveries > 1:
                self._metrics.models[claim.model].retries.inc()
            if claim.deliveries <= keys.MAX_DELIVERIES:
                sound.append(claim)
            else:
                await self._endings.bury(claim, no_worker_survived(claim))
        return sound

    async def _in_time(self, claims: list[Claim]) -> list[Claim]:
        """Returns the claims but selections whose deadline has passed: nobody wants their output any more."""
        late = [claim for claim in claims if claim.opens and self._is_past(claim.spec.deadline_ms)]
        for claim in late:
            await self._endings.fail(claim, deadline_without_output(claim.spec))
        return [claim for claim in claims if claim not in late]

    def _is_past(self, deadline_ms: int | None) -> bool:
        return deadline_ms is not None and self._queue.clock.last() * 1000 > deadline_ms

    def _running(self, claims: Sequence[Claim]) -> Running:
        model = claims[0].model
        rows = self._executors[model].batch_size
        if not self._models[model].fixes_batches:
            rows = min(rows, sum(claim.count for claim in claims))
        return Running(model, max(1, rows))

    async def _keep_until(self, delivered: asyncio.Event, state: RunState) -> None:
        """Publishes progress, notices cancelled jobs and extends leases, every pulse until the results are delivered.

        Not while the computing thread hangs, nor when the work items are handed back: others are to take them then.
        """
        pulse_s = min(_PULSE_S, self._settings.lease_s / 6)
        extended = time.monotonic()
        while not await _set_within(delivered, pulse_s):
            if self._leaving.begun:
                return
            if self._hangs():
                continue
            with contextlib.suppress(QueueUnavailable):  # the next pulse tries again
                state.ended |= await self._queue.pulse(state.drawn_of_jobs())
                if time.monotonic() - extended > self._settings.lease_s / 3:
                    await self._queue.heartbeat(state.claims)
                    extended = time.monotonic()

    # What runs beside the work

    async def _announce(self) -> None:
        if self._hangs():  # not to be counted among the workers there are
            await self._queue.leave(list(self._models))
            return
        # Cards too: a Redis that came back empty must learn the models again.
        await self._queue.register([model.card for model in self._models.values()], self._builds)
        self._delivery.workers = await self._queue.announce(
            {name: executor.speed.samples_a_second for name, executor in self._executors.items()}, self._builds
        )

    async def _tell_first_speed(self, model: str) -> None:
        """Announces how fast a model is as soon as that is known: until then the queue lets little of its work in."""
        if model not in self._measured and self._executors[model].speed.samples_a_second > 0:
            self._measured.add(model)
            await self._retries.until_answered(self._announce)

    async def _settle_overdue(self) -> None:
        for overdue in await self._queue.overdue(self._models):
            await self._delivery.settle(overdue)
        self._endings.tell()

    async def _look_at_the_thread(self) -> None:
        hung = self._hangs()
        self.hanging.tick()
        if hung != self._hangs():
            await self._announce()

    async def _repeat_until(self, left: asyncio.Event, every_s: float, step: Callable[[], Awaitable[None]]) -> None:
        while not await _set_within(left, every_s):
            try:
                await step()
            except QueueUnavailable:
                continue
            except Exception:  # the next round may succeed; a dead task would be noticed by nobody
                self._log.exception("step_failed", step=step.__name__)

    # Leaving

    def _hangs(self) -> bool:
        return self.hanging.hang is not None

    def _interrupt(self) -> None:
        if self._state is not None:
            self._state.stop = True

    async def _abandon(self) -> None:
        """Hands the work items back, although the thread is at one of them; what it may still store is void by then."""
        held = [] if self._state is None else self._state.claims
        hang = self.hanging.hang
        reason = "the work in hand did not end in time" if hang is None else hang.detail
        self._log.error("abandoned", pieces=len(held), exit_code=ABANDONED, detail=reason)
        with contextlib.suppress(QueueUnavailable):
            await self._queue.hand_back(held, counted=self._hangs())
            await self._queue.leave(list(self._models))


async def _set_within(event: asyncio.Event, seconds: float) -> bool:
    """Returns whether the event is set within so many seconds."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
    return event.is_set()
