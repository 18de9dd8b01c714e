"""The last closed hour's fleet certificates as metrics, computed beside the scrapes and not in them."""

from __future__ import annotations

import asyncio
import time
from typing import Final

import structlog
from redis.exceptions import RedisError

from app.access.keyring import Keyring
from app.fleet import Fleet
from app.metrics import Metrics
from smoothgen.errors import QueueUnavailable
from smoothgen.queue import JobStore

_EVERY_S: Final = 60.0
_MOST_POOLS: Final = 8
"""Pools of each tenant that are shown, those with the most requests: clients make as many as they send noise levels."""
_RADII: Final = (0.125, 0.25, 0.5, 1.0)
"""Sizes of the attacks, in sigmas."""


class ShownFleet:
    """Keeps the fleet gauges: a scrape shows what was last computed, and begins the next round where that is old."""

    def __init__(self, fleet: Fleet, store: JobStore, metrics: Metrics, keyring: Keyring) -> None:
        self._fleet, self._store, self._metrics, self._keyring = fleet, store, metrics, keyring
        self._begun = -_EVERY_S
        self._window = ""
        self._round: asyncio.Task[None] | None = None

    async def refresh(self) -> None:
        """Begins a round where the last one began a minute ago or the hour is over, unless one is under way. What is
        shown of an hour that is over is taken back at once."""
        _, last_hour, *_ = await self._fleet.recent_windows()
        if last_hour != self._window:
            self._window, self._begun = last_hour, -_EVERY_S
            self._clear()
        if time.monotonic() - self._begun >= _EVERY_S and (self._round is None or self._round.done()):
            self._begun = time.monotonic()
            self._round = asyncio.create_task(self._show(last_hour), name="fleet gauges")

    async def stop(self) -> None:
        """Ends the round that is under way."""
        if self._round is not None:
            self._round.cancel()
            await asyncio.gather(self._round, return_exceptions=True)

    async def _show(self, window: str) -> None:
        try:
            models = [served.card.id for served in await self._store.models()]
            readings = [
                (tenant, reading)
                for tenant in await self._keyring.shown_tenants()
                for reading in await self._fleet.read_largest(tenant, window, models, _MOST_POOLS)
            ]
        except (QueueUnavailable, RedisError):
            self._begun = -_EVERY_S  # at the next scrape again
            return
        except Exception:
            structlog.get_logger().exception("fleet_gauges_failed", window=window)
            return
        if window != self._window:
            return
        self._clear()
        for tenant, reading in readings:
            labels = (tenant, reading.pool.model, reading.pool.metric["name"], reading.pool_id, "hour")
            self._metrics.fleet_requests.labels(*labels).set(reading.certificate.requests)
            for r in _RADII:
                bound = reading.certificate.w1_bound(reading.certificate.mechanism.epsilon(r))
                self._metrics.fleet_shift.labels(*labels, r).set(bound)

    def _clear(self) -> None:
        self._metrics.fleet_shift.clear()
        self._metrics.fleet_requests.clear()
