"""What a worker counts and logs of the jobs it ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import structlog

from smoothgen.contracts import JobResult, JobSpec, Problem
from smoothgen.mechanisms import Mechanism, mechanism_from_dict
from workers.job_logs import failure_fields
from workers.serving.metrics import Metrics


class EndedJobs:
    """Counts every job at once, and logs those that succeeded when `log_succeeded` is called."""

    def __init__(self, metrics: Metrics, now_s: Callable[[], float], worker_id: str) -> None:
        """now_s: Unix seconds by the clock that submissions are stamped by."""
        self._metrics, self._now_s = metrics, now_s
        self._endings: dict[str, str] = {}
        self._request_ids: dict[str, str] = {}
        self._trace_ids: dict[str, str] = {}
        self._log = structlog.get_logger().bind(worker=worker_id)

    def succeeded(self, spec: JobSpec, result: JobResult, mechanism: Mechanism | None = None) -> None:
        """Counts a certificate or an abstention. `mechanism`: the certificate's, where it is at hand."""
        ending = self._endings[spec.id] = result.ending
        if spec.request_id is not None:
            self._request_ids[spec.id] = spec.request_id
        if spec.trace_id is not None:
            self._trace_ids[spec.id] = spec.trace_id
        series = self._metrics.models[spec.request.model]
        series.job_seconds.observe(max(0.0, self._now_s() - spec.submitted_ms / 1000))
        series.job_samples.observe(result.usage.overhead)
        series.ended[ending].inc()
        self._metrics.tenants.succeeded(spec, result)
        if result.certificate is not None and "mechanism" in result.certificate:  # one of noise
            mechanism = mechanism or mechanism_from_dict(result.certificate["mechanism"])
            radius_in_sigmas = result.certificate["radius"] / mechanism.effective_sigma
            series.radius(spec.metric.name).observe(radius_in_sigmas)
        for score, holds in _score_claims(spec, result):
            series.score_claim(score, holds=holds).inc()

    def failed(self, spec: JobSpec, problem: Problem) -> None:
        """Counts and logs a failed job."""
        self._log.warning("job_failed", **failure_fields(spec, problem))
        self._metrics.models[spec.request.model].ended["failed"].inc()
        self._metrics.tenants.failed(spec)

    def log_succeeded(self) -> None:
        """Writes one line for all jobs that succeeded since the last call."""
        if self._endings:
            traced = {"trace_ids": self._trace_ids} if self._trace_ids else {}
            self._log.info("jobs_ended", jobs=self._endings, request_ids=self._request_ids, **traced)
            self._endings, self._request_ids, self._trace_ids = {}, {}, {}


def _score_claims(spec: JobSpec, result: JobResult) -> Iterator[tuple[str, bool]]:
    """Yields the name of each claim's score, and whether the claim holds. The decision lists those on scores last."""
    claims, decided = spec.request.robustness.claims, None if result.decision is None else result.decision.claims
    if claims and decided:
        for claim, told in zip(claims, decided[-len(claims) :], strict=True):
            yield claim.score.name, told.holds
