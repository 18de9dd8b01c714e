"""By which names the gateway counts a caller's requests."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

from app.access.caller import ANYONE_CALLS, Caller
from app.settings import Settings
from app.tenant_metrics import TenantMetrics


@pytest.mark.parametrize(
    ("caller", "tenant", "key"),
    [
        (Caller("clinic"), "clinic", ""),
        (Caller("clinic", "0123456789abcdef", "ward-3"), "clinic", "ward-3"),
        (Caller("key-0123456789abcdef"), "(unnamed)", ""),
        (ANYONE_CALLS, "(unnamed)", ""),
    ],
)
def test_names_of_operators_are_shown_and_digests_are_not(caller: Caller, tenant: str, key: str) -> None:
    registry = CollectorRegistry()
    metrics = TenantMetrics(registry, Settings(api_keys=["clinic:a-key", "a-key-alone"]).shown_tenants)
    metrics.answered(caller, 200, "")
    metrics.answered(caller, 429, "quota-exceeded")
    names = {"tenant": tenant, "key": key}
    assert registry.get_sample_value("smoothgen_tenant_requests_total", names | {"status": "200"}) == 1
    assert registry.get_sample_value("smoothgen_tenant_refused_total", names | {"kind": "quota-exceeded"}) == 1


def test_a_gateway_without_keys_names_its_one_tenant() -> None:
    metrics = TenantMetrics(CollectorRegistry(), Settings().shown_tenants)
    names = metrics.counted_as(ANYONE_CALLS)
    assert names is not None
    assert (names.tenant, names.key) == ("anyone", None)
