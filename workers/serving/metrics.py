"""Prometheus metrics of a worker."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from typing import Protocol, runtime_checkable

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from smoothgen.contracts import SCORE_NAMES
from smoothgen.process.metrics import process_registry
from workers.serving.tenant_metrics import TenantMetrics


class Metrics:
    """The registry of a worker. Series of its models exist from the start, so that rate() sees the first event."""

    def __init__(self, models: Iterable[str]) -> None:
        self.registry = process_registry("worker")
        self.tenants = TenantMetrics(self.registry)
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
            buckets=(0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300),
        )
        self.job_seconds = Histogram(
            "smoothgen_job_seconds",
            "Time from submission to stored result",
            ["model"],
            registry=self.registry,
            # Up to the 6.5 h in which a picture model on two cores draws the backlog that a gateway accepts by default.
            buckets=(0.05, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1200, 3600, 7200, 14_400, 28_800),
        )
        self.job_samples = Histogram(
            "smoothgen_job_samples",
            "Model generations a job took, selection included",
            ["model"],
            registry=self.registry,
            # What jobs take: 1 and 2 (tiers universal and fleet), else 32 for the selection, and the looks of 500
            # samples, or all of 1,000, 2,000, 5,000, 10,000 and 20,000.
            buckets=(1, 2, 33, 64, 95, 125, 157, 282, 532, 1032, 2032, 5032, 10_032, 20_032),
        )
        self.radius = Histogram(
            "smoothgen_radius_in_sigmas",
            "Certified radius divided by the noise level",
            ["model", "metric"],
            registry=self.registry,
            buckets=(*(n / 20 for n in range(1, 31)), 2, 3, 5),
        )
        self.score_claims = Counter(
            "smoothgen_score_claims_total",
            "Claims on scores of ended jobs, by whether they hold as they were asked: holds, not_proven",
            ["model", "score", "outcome"],
            registry=self.registry,
        )
        self.retries = Counter(
            "smoothgen_job_retries_total",
            "Work items taken over from a worker that fell silent",
            ["model"],
            registry=self.registry,
        )
        self.load_seconds = Gauge(
            "smoothgen_worker_load_seconds",
            "Time it took to load the worker's models",
            registry=self.registry,
        )
        self.hung = Gauge(
            "smoothgen_worker_hung",
            "1 while the worker's computing thread makes no progress and its work is left to others, else 0",
            registry=self.registry,
        )
        self.batch_size = Gauge(
            "smoothgen_batch_size",
            "Samples a whole batch holds, as configured; one series for every model that the worker serves",
            ["model"],
            registry=self.registry,
        )
        self.models = {model: ModelMetrics(self, model) for model in models}


class ModelMetrics:
    """The series of one model."""

    def __init__(self, metrics: Metrics, model: str) -> None:
        self.ended = {o: metrics.finished.labels(model, o) for o in ("certificate", "abstention", "failed")}
        self.whole, self.failed = (metrics.samples.labels(model, result) for result in ("whole", "failed"))
        self.batch_seconds, self.job_seconds = metrics.batch_seconds.labels(model), metrics.job_seconds.labels(model)
        self.job_samples, self.retries = metrics.job_samples.labels(model), metrics.retries.labels(model)
        self._radius, self._model = metrics.radius, model
        self._score_claims = {
            (score, holds): metrics.score_claims.labels(model, score, "holds" if holds else "not_proven")
            for score in SCORE_NAMES
            for holds in (True, False)
        }

    def radius(self, metric: str) -> Histogram:
        """Returns the radii certified in an output metric, which exist from its first certificate on."""
        return self._radius.labels(self._model, metric)

    def score_claim(self, score: str, *, holds: bool) -> Counter:
        """Returns the claims on a score, by its name in requests, that hold or are not proven."""
        return self._score_claims[score, holds]


@runtime_checkable
class CountsPasses(Protocol):
    """A generator that counts the passes of its network, one for each token of a batch that is decoded step by step."""

    passes: int


class NetworkPasses(Collector):
    """How often the networks of language models were called, read when Prometheus asks."""

    def __init__(self, models: Mapping[str, CountsPasses]) -> None:
        self._models = models

    def collect(self) -> Iterable[CounterMetricFamily]:
        """Returns one series for each model."""
        about = "Passes of the network over a batch"
        passes = CounterMetricFamily("smoothgen_network_passes_total", about, labels=["model"])
        for model, generator in self._models.items():
            passes.add_metric([model], generator.passes)
        return (passes,)


class Gpus(Collector):
    """Memory and use of the GPUs this process computes on, read when Prometheus asks. Needs CUDA."""

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Returns bytes in use (by all processes), bytes there are and, where nvidia-ml-py is installed, the use."""
        import torch

        labels = ["device", "gpu"]
        used = GaugeMetricFamily("smoothgen_gpu_memory_used_bytes", "In use, by all processes", labels=labels)
        whole = GaugeMetricFamily("smoothgen_gpu_memory_bytes", "GPU memory there is", labels=labels)
        busy = GaugeMetricFamily("smoothgen_gpu_utilization", "Share of time a kernel ran, 0 to 1", labels=labels)
        for index in range(torch.cuda.device_count()):
            if not torch.cuda.memory_reserved(index):  # asking for its memory would take some of it
                continue
            named = [f"cuda:{index}", torch.cuda.get_device_name(index)]
            free, total = torch.cuda.mem_get_info(index)
            used.add_metric(named, total - free)
            whole.add_metric(named, total)
            if find_spec("pynvml") is not None:
                busy.add_metric(named, torch.cuda.utilization(index) / 100)
        return used, whole, busy
