"""GET /models."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from app.http.dependencies import GatewayDep

router = APIRouter(tags=["models"])


@router.get("/models")
async def list_models(gateway: GatewayDep) -> dict[str, list[dict[str, Any]]]:
    """Every model known here: metrics, mechanisms, calibration, and how many workers serve it now."""
    served = await gateway.store.models()
    return {"data": [{**s.card.model_dump(mode="json"), "workers": s.workers} for s in served]}
