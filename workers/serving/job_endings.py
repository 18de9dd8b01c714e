"""Ends jobs: stores a result or a problem once, logs it, and counts it."""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from smoothgen.certificates.fleet import NOT_SERVED, OUTSTANDING
from smoothgen.contracts import JobResult, JobSpec, ModelRef, Problem, written_bin
from smoothgen.mechanisms import Mechanism, mechanism_from_dict
from smoothgen.queue import Claim, WorkQueue
from workers.job_logs import failure_fields
from workers.jobs.selection import Selected
from workers.serving.loaded_model import LoadedModel
from workers.serving.metrics import Metrics
from workers.serving.redis_retries import RedisRetries
from workers.serving.results import Refused


class JobEndings:
    """One worker's way to end jobs. A job that another worker has ended meanwhile is neither logged nor counted."""

    def __init__(
        self, queue: WorkQueue, models: Mapping[str, LoadedModel], metrics: Metrics, retries: RedisRetries
    ) -> None:
        self._queue, self._models, self._metrics, self._retries = queue, models, metrics, retries
        self._ended: dict[str, str] = {}
        self._request_ids: dict[str, str] = {}
        self._log = structlog.get_logger().bind(worker=queue.worker_id)

    async def succeed(
        self,
        spec: JobSpec,
        claim: Claim | None,
        result: JobResult,
        *,
        selected: Selected | None = None,
        attempt: int | None = None,
    ) -> None:
        """Stores a certificate or an abstention.

        claim: the work item in hand, None where there is none; then `attempt` is the job's that the result is of.
        """
        fleet_bin = "" if selected is None or selected.fleet_bin is None else written_bin(selected.fleet_bin)
        sheet = None if selected is None else selected.sheet
        first = await self._retries.until_answered(
            lambda: self._queue.succeed(spec, result, claim=claim, attempt=attempt, sheet=sheet, fleet_bin=fleet_bin),
            owed=True,
        )
        if first:
            self._ended[spec.id] = "abstention" if result.certificate is None else "certificate"
            if spec.request_id is not None:
                self._request_ids[spec.id] = spec.request_id
            self._count(spec, result, None if selected is None else selected.condition.mechanism)

    async def refuse(self, claim: Claim, refused: Refused) -> None:
        """Stores the problem of a job that this worker computed for."""
        fleet_bin = "" if claim.spec.pool is None else written_bin(NOT_SERVED if refused.noiseless else OUTSTANDING)
        first = await self._retries.until_answered(
            lambda: self._queue.fail(claim, self.model_of(claim.spec), refused.problem, fleet_bin=fleet_bin), owed=True
        )
        if first:
            self.count_failure(claim.spec, refused.problem)

    async def fail(self, claim: Claim, problem: Problem) -> None:
        """Stores the problem of a job that nothing was computed for here, and leaves its fleet bins alone."""
        first = await self._retries.until_answered(
            lambda: self._queue.fail(claim, self.model_of(claim.spec), problem), owed=True
        )
        if first:
            self.count_failure(claim.spec, problem)

    async def bury(self, claim: Claim, problem: Problem) -> None:
        """Stores the problem of a job that no worker survives, and keeps its id among the dead letters."""
        self._log.error("job_buried", **claim.spec.log_fields, deliveries=claim.deliveries)
        first = await self._retries.until_answered(
            lambda: self._queue.bury(claim, self.model_of(claim.spec), problem), owed=True
        )
        if first:
            self.count_failure(claim.spec, problem)

    async def expire(self, spec: JobSpec, problem: Problem) -> None:
        """Stores the problem of a job whose deadline has passed. Raises QueueUnavailable."""
        if await self._queue.expire(spec, self.model_of(spec), problem):
            self.count_failure(spec, problem)

    def tell(self) -> None:
        """Logs one line for all jobs that ended since the last call."""
        if self._ended:
            self._log.info("jobs_ended", jobs=self._ended, request_ids=self._request_ids)
            self._ended, self._request_ids = {}, {}

    def count_failure(self, spec: JobSpec, problem: Problem) -> None:
        """Logs and counts a job that failed."""
        self._log.warning("job_failed", **failure_fields(spec, problem))
        self._metrics.models[spec.request.model].ended["failed"].inc()

    def model_of(self, spec: JobSpec) -> ModelRef:
        """Returns the model of a job, as answers name it."""
        card = self._models[spec.request.model].card
        return ModelRef(name=card.id, revision=card.revision, digest=card.digest)

    def _count(self, spec: JobSpec, result: JobResult, mechanism: Mechanism | None) -> None:
        """mechanism: the certificate's, where it is at hand."""
        series = self._metrics.models[spec.request.model]
        series.job_seconds.observe(max(0.0, self._queue.clock.last() - spec.submitted_ms / 1000))
        series.job_samples.observe(result.usage.overhead)
        series.ended[self._ended[spec.id]].inc()
        if result.certificate is not None:
            mechanism = mechanism or mechanism_from_dict(result.certificate["mechanism"])
            series.radius(spec.metric.name).observe(result.certificate["radius"] / mechanism.effective_sigma)
