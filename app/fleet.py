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
_CERTIFICATES_KEPT = 64
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


async def read_fleet(gateway: Gateway, windows: Sequence[str], model: str | None = None) -> list[FleetReading]:
    """Every pool's certificate in these windows. Raises QueueUnavailable."""
    alpha = complement(gateway.settings.fleet_confidence)
    readings, now = [], await _now(gateway)
    for window in windows:
        closed = window_span(window)[1] + _GRACE <= now
        for pool_id, pool in sorted((await gateway.store.fleet_pools(window)).items()):
            if model in (None, pool.model):
                bins = await gateway.store.fleet_bins(window, pool_id)
                # A closed window is read again and again and hardly changes; a running one is never the same twice.
                certify = _certified_again if closed else _certified
                about = pool.model_dump_json()
                certificate = await run_in_threadpool(certify, bins, about, pool_id, window, alpha, closed)
                readings.append(FleetReading(window, pool_id, pool, certificate))
    return readings


async def _now(gateway: Gateway) -> datetime:
    """The time by which requests are counted in windows, which is Redis's."""
    return datetime.fromtimestamp(await gateway.store.clock.now(), UTC)


async def show_fleet(gateway: Gateway) -> None:
    """The last closed hour, as metrics. A closed window is one look, so a dashboard may show it at any time."""
    shift, requests = gateway.metrics.fleet_shift, gateway.metrics.fleet_requests
    shift.clear()
    requests.clear()
    _, last_hour, *_ = await recent_windows(gateway)
    for reading in await read_fleet(gateway, [last_hour]):
        pool, certificate = reading.pool, reading.certificate
        labels = (pool.model, pool.metric["name"], reading.pool_id, "hour")
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
