"""The work loop: claim → run → store → acknowledge, and drain on SIGTERM.

One event loop talks to Redis, one thread computes. Redis may go away at any time: the loop tries again for ever, the
computation goes on, and its result is stored when Redis is back.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import structlog

from smoothgen.contracts import JobResult, Problem
from smoothgen.errors import GenerationFailed, InvalidInput, QueueUnavailable
from smoothgen.mechanisms import mechanism_from_dict
from smoothgen.queue import Claim, WorkQueue, keys
from workers.batches import Batcher
from workers.job import run_job
from workers.metrics import Metrics
from workers.served import ServedModel
from workers.settings import Settings
from workers.watch import Interrupted, JobWatch

_CLAIM_BLOCK_MS = 1000
_REPORT_S = 0.2  # progress is coalesced: however fast the batches, Redis hears five times a second
_RECONNECT_S = 0.5
_ANNOUNCE_S = keys.WORKER_TTL_S / 3

Answer = TypeVar("Answer")


class Worker:
    """Serves its models' jobs one after another until told to stop."""

    def __init__(
        self,
        queue: WorkQueue,
        models: dict[str, ServedModel],
        settings: Settings,
        metrics: Metrics,
        compute: ThreadPoolExecutor,
    ) -> None:
        """`compute`: the one thread that loaded the models and runs them; shut down when the worker ends."""
        self._queue, self._models, self._settings, self._metrics = queue, models, settings, metrics
        self._batchers = {name: Batcher(settings.batch_size) for name in models}
        self._compute = compute
        self._stopping = asyncio.Event()
        self._watch: JobWatch | None = None
        self._log = structlog.get_logger().bind(worker=queue.worker_id)

    def stop(self) -> None:
        """Take no further job; after the drain timeout, hand back the one in hand."""
        if not self._stopping.is_set():
            self._log.info("draining", timeout_s=self._settings.drain_timeout_s)
            self._stopping.set()
            asyncio.get_running_loop().call_later(self._settings.drain_timeout_s, self._interrupt)

    def _interrupt(self) -> None:
        if self._watch is not None:
            self._watch.stop = True

    async def run(self) -> None:
        """Serve until `stop`."""
        names = list(self._models)
        await self._until_redis(lambda: self._queue.register(m.card for m in self._models.values()))
        self._log.info("ready", models=names)
        left = asyncio.Event()
        announcing = asyncio.create_task(self._announce_until(left))
        try:
            while not self._stopping.is_set():
                claim = await self._until_redis(lambda: self._queue.claim(names, _CLAIM_BLOCK_MS))
                if claim is not None:
                    await self._serve(claim)
        finally:
            left.set()
            await announcing
            with contextlib.suppress(QueueUnavailable):
                await self._queue.leave(names)
            self._compute.shutdown(wait=False)
            self._log.info("stopped")

    async def _serve(self, claim: Claim) -> None:
        model, job, started = claim.model, claim.spec.id, time.perf_counter()
        log = self._log.bind(job=job, model=model)
        if self._stopping.is_set():  # told to stop while the claim was on its way
            await self._until_redis(lambda: self._queue.hand_back(claim), owed=True)
            return
        if claim.deliveries > 1:
            self._metrics.retries.labels(model).inc()
        if claim.deliveries > keys.MAX_DELIVERIES:
            log.error("job_buried", deliveries=claim.deliveries)
            self._metrics.finished.labels(model, "failed").inc()
            await self._until_redis(lambda: self._queue.bury(claim, _poison(claim)), owed=True)
            return
        watch = self._watch = JobWatch(model, self._metrics)
        computed = asyncio.Event()
        reporting = asyncio.create_task(self._report_until(computed, claim, watch))
        try:
            outcome = await self._compute_outcome(claim, watch)
        finally:
            # Not cancelled: a command cut off half-way could arrive after the outcome is stored, and the Redis client
            # has been seen to swallow a cancellation.
            computed.set()
            await reporting
            self._watch = None
        if outcome is None:
            await self._until_redis(lambda: self._queue.hand_back(claim), owed=True)
            log.info("job_handed_back", done=watch.done)
            return
        if isinstance(outcome, Problem):
            await self._until_redis(lambda: self._queue.fail(claim, outcome), owed=True)
            log.warning("job_failed", detail=outcome.detail)
        else:
            await self._until_redis(lambda: self._queue.succeed(claim, outcome, watch.sheet), owed=True)
        self._count(claim, outcome, time.perf_counter() - started)

    async def _compute_outcome(self, claim: Claim, watch: JobWatch) -> JobResult | Problem | None:
        """Run the job in the computing thread. None: stopped at a batch boundary, to be handed back."""
        served = self._models[claim.model]

        def compute() -> JobResult:
            return run_job(
                claim.spec,
                served.generator,
                served.metric(claim.spec.metric),
                batcher=self._batchers[claim.model],
                watch=watch,
            )

        try:
            return await asyncio.get_running_loop().run_in_executor(self._compute, compute)
        except Interrupted:
            return None
        except InvalidInput as error:
            return Problem.of("invalid-request", "The request cannot be served as written", 422, str(error))
        except GenerationFailed as error:
            return Problem.of("generation-failed", "The model gave nothing to certify", 500, str(error))
        except Exception as error:  # the job fails, the worker lives
            self._log.exception("job_crashed", job=claim.spec.id)
            return Problem.of(
                "worker-error",
                "The worker failed",
                500,
                f"the worker failed with {type(error).__name__}; its log has the cause under job {claim.spec.id}",
            )

    def _count(self, claim: Claim, outcome: JobResult | Problem, seconds: float) -> None:
        model = claim.model
        self._metrics.job_seconds.labels(model).observe(seconds)
        if isinstance(outcome, Problem):
            kind = "failed"
        elif outcome.certificate is None:
            kind = "abstention"
        else:
            kind = "certificate"
            mechanism = mechanism_from_dict(outcome.certificate["mechanism"])
            radius = outcome.certificate["radius"] / mechanism.effective_sigma
            self._metrics.radius.labels(model, claim.spec.metric.name).observe(radius)
        self._metrics.finished.labels(model, kind).inc()

    async def _report_until(self, computed: asyncio.Event, claim: Claim, watch: JobWatch) -> None:
        """Publish progress and keep the lease while the job is computed."""
        reported, output_reported, beat = -1, False, 0.0
        while not computed.is_set():
            with contextlib.suppress(QueueUnavailable):  # try again at the next tick
                if watch.done != reported:
                    output = None if output_reported else watch.output
                    done = watch.done
                    await self._queue.report(claim, done, output)
                    reported, output_reported = done, output_reported or output is not None
                if time.monotonic() - beat > self._settings.lease_s / 3:
                    await self._queue.heartbeat(claim)
                    beat = time.monotonic()
            await _set_within(computed, _REPORT_S)

    async def _announce_until(self, left: asyncio.Event) -> None:
        while not await _set_within(left, _ANNOUNCE_S):
            with contextlib.suppress(QueueUnavailable):
                # Cards too: a Redis that came back empty must learn the models again.
                await self._queue.register(m.card for m in self._models.values())

    async def _until_redis(self, call: Callable[[], Awaitable[Answer]], *, owed: bool = False) -> Answer | None:
        """Call until Redis answers. Returns None when told to stop: at once, or after the drain timeout where a job's
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


async def _set_within(event: asyncio.Event, seconds: float) -> bool:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
    return event.is_set()


def _poison(claim: Claim) -> Problem:
    return Problem.of(
        "job-abandoned",
        "No worker survived this job",
        500,
        f"{claim.deliveries - 1} workers took this job and fell silent; it was given up. The operator finds it in the "
        f"dead letters of model {claim.model!r}",
    )
