"""The work loop: claim, compute, deliver; announce the worker beside it, and drain on SIGTERM.

One event loop talks to Redis, one thread computes. Redis may go away at any time: the loop tries again for ever, the
computation goes on, and its results are stored when Redis is back.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence

import structlog

from smoothgen.contracts import ModelRef
from smoothgen.errors import QueueUnavailable
from smoothgen.process.draining import GRACE_S
from smoothgen.queue import Claim, CompleteLook, WorkQueue, keys
from smoothgen.queue.addresses import shown
from workers.jobs.decisions import Decision, decide_all
from workers.serving.comparison_calls import ComparisonCalls
from workers.serving.compute import ComputeThread, Running
from workers.serving.delivery import Delivery
from workers.serving.ended_jobs import EndedJobs
from workers.serving.ending_early import EndingEarly
from workers.serving.executor import Executor
from workers.serving.hanging import TICK_S, Hanging, Patience
from workers.serving.leaving import ABANDONED, Leaving
from workers.serving.loaded_model import LoadedModel
from workers.serving.metrics import Metrics
from workers.serving.reconnecting import Reconnecting, set_within
from workers.serving.restarting import Restarting
from workers.serving.run_state import RunState
from workers.serving.traced_claims import computed, held, looked_at
from workers.settings import Settings

_CLAIM_BLOCK_MS = 1000
_PULSE_S = 0.5
"""How often Redis hears of the work items in progress, and how soon a cancelled job is noticed."""
_DEADLINES_S = 0.2
_ANNOUNCE_S = keys.WORKER_TTL_S / 3


class Worker:
    """Serves the work items of its models, as many at once as one batch or half a second holds, until told to stop."""

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
        self._executors = {
            name: Executor(model, settings.batch_size, settings.batch_tokens) for name, model in models.items()
        }
        self._builds = {name: model.build for name, model in models.items()}
        self._refs = {name: ModelRef.of(model.card) for name, model in models.items()}
        self._compute = compute
        patience = Patience({name: executor.speed for name, executor in self._executors.items()}, settings)
        self.hanging = Hanging(compute, patience.limit_s, metrics)
        self._stopping = asyncio.Event()
        self._run: RunState | None = None
        self._leaving = Leaving(self._abandon)
        self._measured: set[str] = set()
        self._log = structlog.get_logger().bind(worker=queue.worker_id)
        address = shown(settings.redis_url)
        self._redis = Reconnecting(self._stopping, settings.drain_timeout_s, queue.worker_id, address)
        self._ended = EndedJobs(metrics, queue.clock.last, queue.worker_id)
        self._delivery = Delivery(queue, self._redis, self._ended, self._refs, self._batch_size)
        self._ending_early = EndingEarly(queue, self._redis, self._delivery, self._ended, self._refs, metrics)

    def stop(self) -> None:
        """Takes no further work; after the drain timeout, unfinished work items go back at the next batch boundary.

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
        await self._redis.until_answered(self._announce)
        if not self._stopping.is_set():  # told to stop while it waited for Redis, it never was
            self._log.info("ready", models=names)
        left = asyncio.Event()
        beside = self._start_beside(left)
        try:
            while not self._stopping.is_set():
                if self._hangs():  # in a comparison: no work item is waited for here
                    await set_within(self._stopping, TICK_S)
                    continue
                claims = await self._redis.until_answered(self._claim)
                if claims:
                    await self._serve(claims)
                    await self._announce_first_speed(claims[0].model)
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
        """Starts what runs beside the work loop until `left`, comparisons until the worker is told to stop."""
        restarting = Restarting(
            self._queue,
            self._refs,
            self._builds,
            after_s=self._settings.restart_after_s,
            on_failure=lambda claim, problem: self._ended.failed(claim.spec, problem),
        )
        comparisons = ComparisonCalls(self._queue.covers, self._models, self._compute, self._hangs)
        steps: list[tuple[float, Callable[[], Awaitable[None]]]] = [
            (min(_ANNOUNCE_S, restarting.every_s), self._announce),
            (_DEADLINES_S, self._ending_early.settle_overdue),
            (restarting.every_s, restarting.settle),
            (TICK_S, self._look_at_the_thread),
        ]
        repeated = [asyncio.create_task(self._repeat_until(left, every_s, step)) for every_s, step in steps]
        return [*repeated, asyncio.create_task(comparisons.serve(self._stopping))]

    async def _repeat_until(self, left: asyncio.Event, every_s: float, step: Callable[[], Awaitable[None]]) -> None:
        while not await set_within(left, every_s):
            try:
                await step()
            except QueueUnavailable:
                continue
            except Exception:  # the next round may succeed; a dead task would be noticed by nobody
                self._log.exception("step_failed", step=getattr(step, "__name__", ""))

    async def _announce(self) -> None:
        if self._hangs():  # not to be counted among the workers there are
            await self._queue.leave(list(self._models))
            return
        # Cards too: a Redis that came back empty must learn the models again.
        await self._queue.register([m.card for m in self._models.values()], self._builds)
        rates = {name: executor.speed.samples_a_second for name, executor in self._executors.items()}
        self._delivery.workers = await self._queue.announce(rates, self._builds)

    async def _announce_first_speed(self, model: str) -> None:
        """Announces how fast a model is as soon as that is known: until then the queue lets little of its work in."""
        if model not in self._measured and self._executors[model].speed.samples_a_second > 0:
            self._measured.add(model)
            await self._redis.until_answered(self._announce)

    async def _claim(self) -> list[Claim]:
        # The largest capacity of its models: all claims are of one model, and the queue does not know which it is.
        executors = self._executors.values()
        samples = max(executor.speed.capacity(executor.batch_size) for executor in executors)
        items = max(executor.batch_size for executor in executors)
        return await self._queue.claim(self._builds, samples=samples, items=items, block_ms=_CLAIM_BLOCK_MS)

    async def _serve(self, claims: list[Claim]) -> None:
        """Computes claims of one model and delivers what comes of them."""
        if self._stopping.is_set() or self._hangs():  # since the claim was on its way
            await self._delivery.hand_back(claims)
            return
        claims = await self._ending_early.worth_computing(claims)
        if not claims:
            return
        with held(claims, self._queue.worker_id, self._queue.clock.last()) as claims:
            await self._compute_and_deliver(claims)

    async def _compute_and_deliver(self, claims: list[Claim]) -> None:
        state = self._run = RunState(claims[0].model, self._metrics, claims, started=self._queue.clock.last())
        running = self._running(claims)

        async def decide(complete: Sequence[tuple[Claim, CompleteLook]]) -> list[Decision]:
            with looked_at(complete) as looks:
                return await self._compute.run(running, decide_all, looks)

        delivered = asyncio.Event()
        keeping = asyncio.create_task(self._keep_until(delivered, state))
        try:
            with computed(claims, state):
                outcomes = await self._compute.run(running, self._executors[state.model].run, state)
            await self._delivery.deliver(claims, outcomes, decide)
        finally:
            # Not cancelled: a command cut off half-way could arrive after the outcome is stored, and the Redis client
            # has been seen to swallow a cancellation.
            delivered.set()
            await keeping
            self._run = None

    async def _keep_until(self, delivered: asyncio.Event, state: RunState) -> None:
        """Publishes progress, notices cancelled jobs and keeps the lease of work items that take longer than a pulse.

        Does none of it while the computing thread hangs, nor once the work items are handed back: then they are others'
        to take.
        """
        pulse_s = min(_PULSE_S, self._settings.lease_s / 6)
        beat = time.monotonic()
        while not await set_within(delivered, pulse_s) and not self._leaving.begun:
            if self._hangs():
                continue
            with contextlib.suppress(QueueUnavailable):  # try again at the next tick
                state.ended |= await self._queue.pulse(state.drawn_by_job())
                if time.monotonic() - beat > self._settings.lease_s / 3:
                    await self._queue.heartbeat(state.claims)
                    beat = time.monotonic()

    async def _look_at_the_thread(self) -> None:
        """Checks whether the computing thread hangs, and announces a change at once."""
        hung = self._hangs()
        self.hanging.tick()
        if hung != self._hangs():
            await self._announce()

    def _hangs(self) -> bool:
        return self.hanging.hang is not None

    def _interrupt(self) -> None:
        if self._run is not None:
            self._run.stop = True

    async def _abandon(self) -> None:
        """Hands the work items back although the thread is at one of them. What it still stores is void by then."""
        held = [] if self._run is None else self._run.claims
        hang = self.hanging.hang
        reason = "the work in hand did not end in time" if hang is None else hang.detail
        self._log.error("abandoned", pieces=len(held), exit_code=ABANDONED, detail=reason)
        with contextlib.suppress(QueueUnavailable):
            await self._queue.hand_back(held, counted=self._hangs())
            await self._queue.leave(list(self._models))

    def _batch_size(self, model: str) -> int:
        return self._executors[model].batch_size

    def _running(self, claims: Sequence[Claim]) -> Running:
        model = claims[0].model
        rows = self._batch_size(model)
        if not self._models[model].fixes_batches:
            rows = min(rows, sum(claim.count for claim in claims))
        return Running(model, max(1, rows))
