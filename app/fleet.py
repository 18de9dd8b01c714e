"""The fleet's certificates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from fastapi.concurrency import run_in_threadpool

from smoothgen.certificates.bounds.rounding import complement
from smoothgen.certificates.fleet.certify import FleetCertificate, FleetSubject, certify_fleet
from smoothgen.contracts import WINDOWS, FleetPool, window_span, windows_of
from smoothgen.mechanisms import mechanism_from_dict
from smoothgen.queue import JobStore

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


class Fleet:
    """Reads the fleet's certificates. Every method raises QueueUnavailable when Redis cannot be reached."""

    def __init__(self, store: JobStore, confidence: float) -> None:
        """Keeps the store that is read, and the confidence of each window's certificate."""
        self._store, self._alpha = store, complement(confidence)

    async def recent_windows(self) -> list[str]:
        """Returns the running window of each length and the one before it, the running one first."""
        now = await self._now()
        return [
            windows_of(int((now - back * length).timestamp() * 1000))[i]
            for i, length in enumerate(WINDOWS.values())
            for back in (0, 1)
        ]

    async def read(self, tenant: str, windows: Sequence[str], models: Sequence[str]) -> list[FleetReading]:
        """Returns the certificate of every pool of a tenant's requests to these models, in these windows."""
        pools = [
            (window, *each)
            for window in windows
            for model in models
            for each in sorted((await self._store.fleet_pools(tenant, model, window)).items())
        ]
        return [await self._reading(tenant, *each) for each in pools]

    async def read_largest(self, tenant: str, window: str, models: Sequence[str], most: int) -> list[FleetReading]:
        """Returns the certificates of one window's pools with the most requests, `most` at most."""
        pools = await self._store.largest_pools(tenant, models, window, most)
        return [await self._reading(tenant, window, *each) for each in pools]

    async def uncounted(self, tenant: str, windows: Sequence[str], models: Sequence[str]) -> dict[str, int]:
        """Counts, by window, a tenant's requests to these models that are in no certificate."""
        counts = self._store.fleet_uncounted
        return {window: sum([await counts(tenant, model, window) for model in models]) for window in windows}

    async def _reading(self, tenant: str, window: str, pool_id: str, pool: FleetPool) -> FleetReading:
        closed = window_span(window)[1] + _GRACE <= await self._now()
        bins = await self._store.fleet_bins(tenant, pool.model, window, pool_id)
        # A closed window is read again and again and hardly changes; a running one is never the same twice.
        certify = _certified_again if closed else _certified
        about = pool.model_dump_json()
        certificate = await run_in_threadpool(certify, bins, about, pool_id, window, self._alpha, closed)
        return FleetReading(window, pool_id, pool, certificate)

    async def _now(self) -> datetime:
        """Returns the time by which requests are counted in windows, which is Redis's."""
        return datetime.fromtimestamp(await self._store.clock.now(), UTC)


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
