"""What a worker counts of each tenant and key: the jobs it ended, and what came of them."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram

from smoothgen.contracts import JobResult, JobSpec
from smoothgen.process.tenant_labels import TenantLabels

_TENTHS = tuple(n / 10 for n in range(1, 11))


class TenantMetrics:
    """The series of one worker. A job is counted by the one worker that ended it, so they are summed."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._labels = TenantLabels()
        names = ["tenant", "key"]
        self._jobs = Counter(
            "smoothgen_tenant_jobs_total",
            "Jobs ended, by outcome: certificate, abstention, failed",
            [*names, "outcome"],
            registry=registry,
        )
        self._samples = Counter(
            "smoothgen_tenant_samples_total",
            "Model generations of jobs that ended with a result, selection included",
            names,
            registry=registry,
        )
        self._claims = Counter(
            "smoothgen_tenant_claims_total",
            "Claims of ended jobs, by whether they hold as they were asked: holds, not_proven",
            [*names, "outcome"],
            registry=registry,
        )
        self._agreement = Histogram(
            "smoothgen_tenant_agreement",
            "Share of a job's runs that gave the answer it is about; jobs of metrics label and verdict",
            names,
            registry=registry,
            buckets=_TENTHS,
        )
        self._notes = Counter(
            "smoothgen_tenant_notes_total", "Notes on ended jobs, by code", [*names, "code"], registry=registry
        )
        self._abstentions = Counter(
            "smoothgen_tenant_abstentions_total",
            "Abstentions, by reason",
            [*names, "reason"],
            registry=registry,
        )

    def succeeded(self, spec: JobSpec, result: JobResult) -> None:
        """Counts a job that ended with a certificate or an abstention."""
        labels = self._labels_of(spec)
        self._jobs.labels(*labels, result.ending).inc()
        self._samples.labels(*labels).inc(result.usage.overhead)
        claims = _claims(result)
        self._claims.labels(*labels, "holds").inc(sum(claims))
        self._claims.labels(*labels, "not_proven").inc(len(claims) - sum(claims))
        if result.agreement is not None:
            self._agreement.labels(*labels).observe(result.agreement.of / result.agreement.runs)
        for note in result.notes or []:
            self._notes.labels(*labels, note.code).inc()
        if result.abstention is not None:
            self._abstentions.labels(*labels, result.abstention.reason).inc()

    def failed(self, spec: JobSpec) -> None:
        """Counts a job that failed."""
        self._jobs.labels(*self._labels_of(spec), "failed").inc()

    def _labels_of(self, spec: JobSpec) -> tuple[str, str]:
        named = spec.counted_as
        return self._labels.of(None, None) if named is None else self._labels.of(named.tenant, named.key)


def _claims(result: JobResult) -> list[bool]:
    """Returns whether each claim of a job holds."""
    if result.decision is None:
        return []
    several = result.decision.claims
    return [result.decision.holds] if several is None else [claim.holds for claim in several]
