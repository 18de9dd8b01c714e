"""POST /generate."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Request, Response

from app.description.problem_kinds import OF_A_NEW_JOB
from app.description.responses import problems
from app.examples import GENERATE
from app.http.dependencies import GatewayDep, IdempotencyKey, PreferHeader, TenantDep, wait_seconds
from app.http.strict_json import StrictRoute
from app.routes.jobs import FOLLOW, job_response
from app.submitting import submitted
from smoothgen.contracts import GenerateRequest, JobView
from smoothgen.queue import Idempotency

router = APIRouter(tags=["generate"], route_class=StrictRoute)

_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "The output with its certificate or abstention."},
    202: {"model": JobView, "description": "Accepted and not finished: follow Location.", "headers": FOLLOW},
    **problems(*OF_A_NEW_JOB),
}


@router.post("/generate", response_model=JobView, responses=_RESPONSES)
async def generate(
    context: Request,
    gateway: GatewayDep,
    tenant: TenantDep,
    request: Annotated[GenerateRequest, Body(openapi_examples=GENERATE)],
    prefer: PreferHeader = None,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Generate one output and certify how far attacks on the prompt's embedding can move it."""
    wait_s = wait_seconds(prefer, gateway.settings.default_wait_s, gateway.settings.max_wait_s)
    idempotency = Idempotency.of(idempotency_key, request) if idempotency_key else None
    job = await submitted(gateway, context, tenant, request, idempotency, wait_s)
    return job_response(job, unfinished=202)
