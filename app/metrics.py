"""What the gateway counts for Prometheus."""

from __future__ import annotations

import math
from collections.abc import Collection

from prometheus_client import Counter, Gauge, Histogram

from app.tenant_metrics import TenantMetrics
from smoothgen.process.metrics import process_registry


class Metrics:
    """The series of one gateway."""

    def __init__(self, shown_tenants: Collection[str] = ()) -> None:
        """shown_tenants: those whose names are no digests of keys."""
        self.registry = process_registry("gateway")
        self.tenants = TenantMetrics(self.registry, shown_tenants)
        self.requests = Counter(
            "smoothgen_http_requests_total",
            "HTTP requests answered, and where the fault of a server error lies: gateway, worker, job, or none",
            ["method", "route", "status", "fault"],
            registry=self.registry,
        )
        self.request_seconds = Histogram(
            "smoothgen_http_request_seconds",
            "Time to answer a request, waiting for the job included",
            ["method", "route"],
            registry=self.registry,
            # A request waits for two minutes at the most; a client that follows events stays as long as its job runs.
            buckets=(0.001, 0.005, 0.02, 0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 600, 3600, 28_800),
        )
        self.submitted = Counter("smoothgen_jobs_submitted_total", "Jobs queued", ["model"], registry=self.registry)
        self.cancelled = Counter(
            "smoothgen_jobs_cancelled_total", "Jobs a client cancelled", ["model"], registry=self.registry
        )
        self.refused = Counter(
            "smoothgen_jobs_refused_total",
            "Jobs answered 429, the backlog being full",
            ["model"],
            registry=self.registry,
        )
        self.queued = Gauge(
            "smoothgen_queue_pieces", "Pieces of work waiting or running", ["model"], registry=self.registry
        )
        self.owed = Gauge(
            "smoothgen_queue_samples",
            "Noisy samples promised and not yet drawn, per model",
            ["model"],
            registry=self.registry,
        )
        self.rate = Gauge(
            "smoothgen_workers_samples_per_second",
            "Samples a second the live workers were last measured at, together",
            ["model"],
            registry=self.registry,
        )
        self.workers = Gauge(
            "smoothgen_workers",
            "Live workers that serve the model, as the queue knows them",
            ["model"],
            registry=self.registry,
        )
        self.oldest = Gauge(
            "smoothgen_queue_oldest_seconds",
            "Age of the oldest piece of work that no worker has taken; 0: none waits",
            ["model"],
            registry=self.registry,
        )
        self.dead_letters = Gauge(
            "smoothgen_dead_letters",
            "Jobs given up because no worker survived or could read them, as many as are kept",
            ["model"],
            registry=self.registry,
        )
        self.redis_used = Gauge("smoothgen_redis_memory_bytes", "Memory Redis uses", registry=self.registry)
        self.redis_limit = Gauge(
            "smoothgen_redis_memory_limit_bytes", "Redis's maxmemory; 0: it has none", registry=self.registry
        )
        self.outbox = Gauge(
            "smoothgen_outbox_entries",
            "Ended jobs that a reader, such as the ledger, has not dealt with yet",
            ["reader"],
            registry=self.registry,
        )
        self.outbox_oldest = Gauge(
            "smoothgen_outbox_oldest_seconds",
            "Seconds for which the oldest of them has waited; 0: none waits",
            ["reader"],
            registry=self.registry,
        )
        self.recorded = Counter(
            "smoothgen_ledger_entries_total",
            "Entries that this gateway added to the ledger",
            ["event"],
            registry=self.registry,
        )
        self.fleet_shift = Gauge(
            "smoothgen_fleet_w1_bound",
            "Certified average W1 shift of the last closed window's fleet requests under attacks of this many sigmas",
            ["tenant", "model", "metric", "pool", "window", "radius_in_sigmas"],
            registry=self.registry,
        )
        self.fleet_requests = Gauge(
            "smoothgen_fleet_requests",
            "Fleet requests behind it",
            ["tenant", "model", "metric", "pool", "window"],
            registry=self.registry,
        )
        self.webhooks_delivered = Counter(
            "smoothgen_webhooks_delivered_total", "Messages that a receiver of webhooks took", registry=self.registry
        )
        self.webhooks_failed = Counter(
            "smoothgen_webhooks_failed_total",
            "Tries to deliver a message to a receiver of webhooks that failed",
            registry=self.registry,
        )
        self.webhooks_dropped = Counter(
            "smoothgen_webhooks_dropped_total",
            "Messages given up, whose receiver took others meanwhile",
            registry=self.registry,
        )
        self.webhooks_due = Gauge(
            "smoothgen_webhooks_due", "Messages that no receiver of webhooks has taken yet", registry=self.registry
        )
        self.webhooks_late = Gauge(
            "smoothgen_webhooks_late_seconds",
            "How long the first message has been due that no gateway has sent; 0: none",
            registry=self.registry,
        )
        self.webhook_receivers = Gauge(
            "smoothgen_webhook_receivers",
            "Registered receivers of webhooks: enabled, or disabled after failures",
            ["state"],
            registry=self.registry,
        )
        self.ready = Gauge("smoothgen_gateway_ready", "1 when the gateway can serve", registry=self.registry)
        self._answered: dict[tuple[str, str, str, str], tuple[Counter, Histogram]] = {}

    def forget_queue(self) -> None:
        """Takes back what Redis told: an old number would look like a fresh one."""
        queue = (self.queued, self.owed, self.rate, self.workers, self.oldest, self.dead_letters)
        for gauge in (*queue, self.outbox, self.outbox_oldest):
            gauge.clear()
        self.webhook_receivers.clear()
        for number in (self.redis_used, self.redis_limit, self.webhooks_due, self.webhooks_late):
            number.set(math.nan)

    def answered(self, method: str, route: str, status: str, seconds: float, fault: str = "") -> None:
        """Counts and times one HTTP request. Of each argument there must be few: every combination is a series.

        `fault`: where the fault of a 5xx lies, as `app.http.request_metrics` tells it; left out, it is the gateway's.
        """
        fault = fault or ("gateway" if status.startswith("5") else "none")
        series = self._answered.get((method, route, status, fault))
        if series is None:  # looked up once: that takes longer than counting
            series = self.requests.labels(method, route, status, fault), self.request_seconds.labels(method, route)
            self._answered[method, route, status, fault] = series
        count, timed = series
        count.inc()
        timed.observe(seconds)
