"""GET /models."""

from __future__ import annotations

from fastapi import APIRouter

from app.description.responses import problems
from app.http.dependencies import GatewayDep
from smoothgen.contracts import ModelsView, ServedModel

router = APIRouter(tags=["models"])


@router.get("/models", responses=problems())
async def list_models(gateway: GatewayDep) -> ModelsView:
    """Every model known here: metrics, mechanisms, calibration, and how many workers serve it now."""
    served = await gateway.store.models()
    return ModelsView(data=[ServedModel(**each.card.model_dump(), workers=each.workers) for each in served])
