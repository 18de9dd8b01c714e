"""What a worker counts for Prometheus."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache, partial

from prometheus_client import CollectorRegistry, Counter, Histogram


class Metrics:
    """One registry a worker. Every series of its models exists from the start, so that rate() sees the first event."""

    def __init__(self, models: Iterable[str]) -> None:
        self.registry = CollectorRegistry()
        self.finished = Counter(
            "smoothgen_jobs_finished_total",
            "Jobs ended, by outcome: certificate, abstention, failed",
            ["model", "outcome"],
            registry=self.registry,
        )
        self.samples = Counter(
            "smoothgen_samples_total",
            "Noisy samples generated, whole or failed",
            ["model", "result"],
            registry=self.registry,
        )
        self.batch_seconds = Histogram(
            "smoothgen_batch_seconds",
            "Time to generate and measure one batch",
            ["model"],
            registry=self.registry,
            buckets=(0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60),
        )
        self.job_seconds = Histogram(
            "smoothgen_job_seconds",
            "Time from submission to stored result",
            ["model"],
            registry=self.registry,
            buckets=(0.05, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600),
        )
        self.job_samples = Histogram(
            "smoothgen_job_samples",
            "Model generations a job took, selection included",
            ["model"],
            registry=self.registry,
            buckets=(1, 2, 50, 100, 150, 200, 300, 400, 500, 750, 1000, 2000, 5000, 10_000),
        )
        self.radius = Histogram(
            "smoothgen_radius_in_sigmas",
            "Certified radius divided by the noise level",
            ["model", "metric"],
            registry=self.registry,
            buckets=(0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 1.5, 2, 3, 5),
        )
        self.retries = Counter(
            "smoothgen_job_retries_total",
            "Pieces of work taken over from a worker that fell silent",
            ["model"],
            registry=self.registry,
        )
        self.models = {model: ModelMetrics(self, model) for model in models}


class ModelMetrics:
    """The series of one model. Looked up once: a lookup takes longer than what it is for."""

    def __init__(self, metrics: Metrics, model: str) -> None:
        self.ended = {o: metrics.finished.labels(model, o) for o in ("certificate", "abstention", "failed")}
        self.whole, self.failed = (metrics.samples.labels(model, result) for result in ("whole", "failed"))
        self.batch_seconds, self.job_seconds = metrics.batch_seconds.labels(model), metrics.job_seconds.labels(model)
        self.job_samples, self.retries = metrics.job_samples.labels(model), metrics.retries.labels(model)
        # By metric, as they come.
        self.radius = cache(partial(metrics.radius.labels, model))
