"""The fleet's certificates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from fastapi.concurrency import run_in_threadpool

from smoothgen.certificates.fleet import FleetCertificate, FleetSubject, certify_fleet
from smoothgen.certificates.rounding import complement
from smoothgen.contracts import WINDOWS, FleetPool, window_span, windows_of
from smoothgen.mechanisms import mechanism_from_dict
from smoothgen.queue import JobStore

_CERTIFICATES_KEPT = 64
_GRACE = timedelta(seconds=30)
"""After its end a window still runs for so long: a gateway whose clock is late may count a request in it."""


@dataclass(frozen=True)
class FleetReading:
    """A pool's certificate in one window."""

    window: str
    pool_id: str
    pool: FleetPool
    certificate: FleetCertificate


def recent_windows() -> list[str]:
    """The running window of each length and the one before it, the running one first."""
    now = datetime.now(UTC)
    return [
        windows_of(int((now - back * length).timestamp() * 1000))[i]
        for i, length in enumerate(WINDOWS.values())
        for back in (0, 1)
    ]


async def read_fleet(
    store: JobStore, confidence: float, windows: Sequence[str], model: str | None = None, *, most: int | None = None
) -> list[FleetReading]:
    """Every pool's certificate in these windows, or those of the `most` pools of each with the most requests. Raises
    QueueUnavailable."""
    alpha = complement(confidence)
    readings = []
    for window in windows:
        closed = window_span(window)[1] + _GRACE <= datetime.now(UTC)
        pools = sorted((await store.fleet_pools(window)).items())
        counted = [(*each, await store.fleet_bins(window, each[0])) for each in pools if model in (None, each[1].model)]
        if most is not None:
            counted = sorted(counted, key=lambda each: -len(each[2]))[:most]
        for pool_id, pool, bins in counted:
            # A closed window is read again and again and hardly changes; a running one is never the same twice.
            certify = _certified_again if closed else _certified
            about = pool.model_dump_json()
            certificate = await run_in_threadpool(certify, bins, about, pool_id, window, alpha, closed)
            readings.append(FleetReading(window, pool_id, pool, certificate))
    return readings


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
