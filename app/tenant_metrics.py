"""What the gateway counts of each tenant and key."""

from __future__ import annotations

from collections.abc import Collection

from prometheus_client import CollectorRegistry, Counter

from app.access.caller import Caller
from smoothgen.contracts import CountedAs
from smoothgen.process.tenant_labels import TenantLabels


class TenantMetrics:
    """The series of one gateway. Each gateway counts the requests that it answered itself, so they are summed."""

    def __init__(self, registry: CollectorRegistry, shown: Collection[str]) -> None:
        """shown: the tenants of SMOOTHGEN_API_KEYS that may be named."""
        self._shown, self._labels = frozenset(shown), TenantLabels()
        self._requests = Counter(
            "smoothgen_tenant_requests_total",
            "HTTP requests that carried a key or needed none, probes left out, by the names of tenant and key",
            ["tenant", "key", "status"],
            registry=registry,
        )
        self._refused = Counter(
            "smoothgen_tenant_refused_total",
            "Of these, those answered 429, by the kind of problem: overloaded, or a limit of the key's own",
            ["tenant", "key", "kind"],
            registry=registry,
        )
        for tenant in self._shown:
            self._refused.labels(*self._labels.of(tenant, None), "overloaded")

    def counted_as(self, caller: Caller) -> CountedAs | None:
        """Returns the names under which a caller's figures stand; None where its tenant is named by a digest."""
        if caller.key_name is None and caller.tenant not in self._shown:
            return None
        return CountedAs(tenant=caller.tenant, key=caller.key_name)

    def answered(self, caller: Caller, status: int, kind: str) -> None:
        """Counts a request. kind: of the problem it was answered with, "" for none."""
        names = self.counted_as(caller)
        labels = self._labels.of(None, None) if names is None else self._labels.of(names.tenant, names.key)
        self._requests.labels(*labels, str(status)).inc()
        if status == 429:
            self._refused.labels(*labels, kind).inc()
