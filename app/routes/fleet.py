"""GET /fleet: how far attacks can move the average request of the traffic."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from app.description.responses import problems
from app.http.dependencies import GatewayDep, TenantDep
from smoothgen.contracts import FleetReadings, FleetReadingView, PoolView, window_span
from smoothgen.errors import InvalidInput

router = APIRouter(tags=["fleet"])


@router.get("/fleet", responses=problems("invalid-request", "overloaded"))
async def get_fleet(
    gateway: GatewayDep,
    tenant: TenantDep,
    model: Annotated[str | None, Query(description="Only pools of this model.")] = None,
    window: Annotated[
        str | None,
        Query(description='One window, such as "hour:2026-11-23T22" (UTC). Default: this hour and day, and the last.'),
    ] = None,
) -> FleetReadings:
    """The certified average shift of your fleet traffic, per pool (model, noise, metric) and window of time.

    An average over the requests of the window, not a promise to each of them (theorem T5, docs/theory/fleet.md).
    `uncounted`: requests that were served and are in no certificate, by window, because it held its most
    pools when they came.
    """
    windows = await gateway.fleet.recent_windows() if window is None else [_known(window)]
    served = [each.card.id for each in await gateway.store.models()]
    models = served if model is None else [model]
    data = []
    for reading in await gateway.fleet.read(tenant, windows, models):
        start, end = window_span(reading.window)
        data.append(
            FleetReadingView(
                window=reading.window,
                start=start,
                end=end,
                pool=PoolView(id=reading.pool_id, **reading.pool.model_dump()),
                certificate=reading.certificate.to_dict(),
            )
        )
    return FleetReadings(data=data, uncounted=await gateway.fleet.uncounted(tenant, windows, models))


def _known(window: str) -> str:
    try:
        window_span(window)
    except ValueError as error:
        raise InvalidInput(
            f'window={window!r:.80} is no window of time ({error}); write "hour:2026-11-23T22" or "day:2026-11-23"',
            field="window",
        ) from error
    return window
