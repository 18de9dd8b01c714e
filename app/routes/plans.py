"""POST /plans."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body

from app.description.problem_kinds import OF_EVERY_BODY
from app.description.responses import problems
from app.examples import GENERATE
from app.http.dependencies import GatewayDep, TenantDep
from app.http.strict_json import StrictRoute
from app.planned import planned
from app.plans import plan_view
from smoothgen.contracts import GenerateRequest, PlanView
from smoothgen.planning.plan import Submission

router = APIRouter(tags=["generate"], route_class=StrictRoute)


@router.post("/plans", response_model=PlanView, responses=problems(*OF_EVERY_BODY, "no-worker"))
async def plan(
    gateway: GatewayDep, tenant: TenantDep, request: Annotated[GenerateRequest, Body(openapi_examples=GENERATE)]
) -> PlanView:
    """What a request would take and could prove, without generating anything.

    Takes the body of POST /generate, decides it by the same code, and refuses what that refuses. Nothing is queued.
    """
    card, spec = await planned(gateway, request, Submission(tenant=tenant, retention_s=gateway.settings.retention_s))
    return await plan_view(gateway, spec, card)
