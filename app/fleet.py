"""The fleet's certificates, for GET /fleet and for dashboards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from fastapi.concurrency import run_in_threadpool

from app.dependencies import Gateway
from smoothgen.certificates.fleet import FleetCertificate, FleetSubject, certify_fleet
from smoothgen.certificates.rounding import complement
from smoothgen.contracts import WINDOWS, FleetPool, window_span, windows_of
from smoothgen.mechanisms import mechanism_from_dict

_SHOWN_RADII = (0.125, 0.25, 0.5, 1.0)
_SHOWN_POOLS = 8
"""Of each tenant: a pool's noise is the client's choice, so without a limit clients would make the series."""
_CERTIFICATES_KEPT = 256
_GRACE = timedelta(seconds=30)
"""After its end a window still runs for so long: a request planned before it may be counted in it a little later."""


@dataclass(frozen=True)
class FleetReading:
    """A pool's certificate in one window."""

    window: str
    pool_id: str
    pool: FleetPool
    certificate: FleetCertificate


async def recent_windows(gateway: Gateway) -> list[str]:
    """The running window of each length and the one before it, the running one first. Raises QueueUnavailable."""
    now = await _now(gateway)
    return [
        windows_of(int((now - back * length).timestamp() * 1000))[i]
        for i, length in enumerate(WINDOWS.values())
        for back in (0, 1)
    ]


async def read_fleet(
    gateway: Gateway, tenant: str, windows: Sequence[str], models: Sequence[str]
) -> list[FleetReading]:
    """The certificate of every pool of a tenant's requests to these models, in these windows. Raises
    QueueUnavailable."""
    readings, now = [], await _now(gateway)
    for window in windows:
        for model in models:
            for pool_id, pool in sorted((await gateway.store.fleet_pools(tenant, model, window)).items()):
                readings.append(await _reading(gateway, tenant, window, pool_id, pool, now))
    return readings


async def _reading(
    gateway: Gateway, tenant: str, window: str, pool_id: str, pool: FleetPool, now: datetime
) -> FleetReading:
    closed = window_span(window)[1] + _GRACE <= now
    bins = await gateway.store.fleet_bins(tenant, pool.model, window, pool_id)
    # A closed window is read again and again and hardly changes; a running one is never the same twice.
    certify = _certified_again if closed else _certified
    alpha = complement(gateway.settings.fleet_confidence)
    certificate = await run_in_threadpool(certify, bins, pool.model_dump_json(), pool_id, window, alpha, closed)
    return FleetReading(window, pool_id, pool, certificate)


async def count_uncounted(
    gateway: Gateway, tenant: str, windows: Sequence[str], models: Sequence[str]
) -> dict[str, int]:
    """Of each window: a tenant's requests to these models that are in no certificate. Raises QueueUnavailable."""
    store = gateway.store
    return {window: sum([await store.fleet_uncounted(tenant, model, window) for model in models]) for window in windows}


async def _now(gateway: Gateway) -> datetime:
    """The time by which requests are counted in windows, which is Redis's."""
    return datetime.fromtimestamp(await gateway.store.clock.now(), UTC)


async def show_fleet(gateway: Gateway) -> None:
    """The last closed hour, as metrics, of each tenant's pools with the most requests. A closed window is one look, so
    a dashboard may show it at any time."""
    shift, requests = gateway.metrics.fleet_shift, gateway.metrics.fleet_requests
    now = await _now(gateway)
    _, last_hour, *_ = await recent_windows(gateway)
    models = [served.card.id for served in await gateway.store.models()]
    readings = []
    for tenant in gateway.settings.tenant_names:
        for pool_id, pool in await gateway.store.largest_pools(tenant, models, last_hour, _SHOWN_POOLS):
            readings.append((tenant, await _reading(gateway, tenant, last_hour, pool_id, pool, now)))
    shift.clear()
    requests.clear()
    for tenant, reading in readings:
        pool, certificate = reading.pool, reading.certificate
        labels = (tenant, pool.model, pool.metric["name"], reading.pool_id, "hour")
        requests.labels(*labels).set(certificate.requests)
        for r in _SHOWN_RADII:
            shift.labels(*labels, r).set(certificate.w1_bound(certificate.mechanism.epsilon(r)))


def _certified(bins: bytes, pool: str, pool_id: str, window: str, alpha: float, closed: bool) -> FleetCertificate:
    about = FleetPool.model_validate_json(pool)
    mechanism, largest = mechanism_from_dict(about.mechanism), about.largest_dimension
    return certify_fleet(
        bins,
        diameter=about.diameter,
        mechanism=mechanism,
        alpha=alpha,
        closed=closed,
        # How an earlier release rounded its noise is not known, and its pool's document says so.
        rounding_slack=0.0 if largest is None else mechanism.rounding_slack(largest),
        subject=FleetSubject.of_pool(about.model_dump(mode="json"), pool_id, window),
    )


_certified_again = lru_cache(_CERTIFICATES_KEPT)(_certified)
