"""POST /generate."""

from __future__ import annotations

import time
from typing import Annotated, Any

from fastapi import APIRouter, Body, Header, Request, Response
from pydantic import AfterValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from app.examples import GENERATE
from app.http.dependencies import Gateway, GatewayDep, PreferHeader, TenantDep, wait_seconds
from app.http.request_ids import request_id_of
from app.http.strict_json import StrictRoute
from app.planned import planned
from app.replies import LOOK_AGAIN_S
from app.routes.jobs import PROBLEMS, job_response
from smoothgen.contracts import GenerateRequest, JobSpec, JobView, ModelRef, Progress
from smoothgen.errors import NotReplicated, Overloaded, QueueUnavailable
from smoothgen.planning.plan import Submission
from smoothgen.queue import Idempotency, JobState

_LONGEST_KEY = 256


def _require_short_key(key: str) -> str:
    if len(key) > _LONGEST_KEY:
        raise PydanticCustomError(
            "string_too_long",
            "an idempotency key has at most {most} characters, this one has {length}; send a shorter one",
            {"most": _LONGEST_KEY, "length": len(key)},
        )
    return key


_IdempotencyKey = Annotated[
    str, AfterValidator(_require_short_key), WithJsonSchema({"type": "string", "maxLength": _LONGEST_KEY})
]

router = APIRouter(tags=["generate"], route_class=StrictRoute)

_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "The output with its certificate or abstention."},
    202: {"model": JobView, "description": "Accepted and not finished: follow Location."},
    **PROBLEMS,
}


@router.post("/generate", response_model=JobView, responses=_RESPONSES)
async def generate(
    context: Request,
    gateway: GatewayDep,
    tenant: TenantDep,
    request: Annotated[GenerateRequest, Body(openapi_examples=GENERATE)],
    prefer: PreferHeader = None,
    idempotency_key: Annotated[
        _IdempotencyKey | None, Header(description="The same key and body give the same job.")
    ] = None,
) -> Response:
    """Generate one output and certify how far attacks on the prompt's embedding can move it."""
    settings = gateway.settings
    submission = Submission(
        tenant=tenant,
        retention_s=settings.retention_s,
        submitted_ms=await gateway.store.clock.now_ms(),
        request_id=request_id_of(context.scope),
    )
    card, spec = await planned(gateway, request, submission)
    model = ModelRef.of(card)
    wait_s = wait_seconds(prefer, settings.default_wait_s, settings.max_wait_s)
    idempotency = Idempotency.of(idempotency_key, request) if idempotency_key else None
    job = await _submitted(gateway, spec, model, idempotency, wait_s)
    context.state.job = job.id  # for the line in the log
    return job_response(job, unfinished=202)


async def _submitted(
    gateway: Gateway, spec: JobSpec, model: ModelRef, idempotency: Idempotency | None, wait_s: float
) -> JobState:
    """Queues the job and waits for it. Once it is accepted, a Redis that is away gives a queued job and no error."""
    replies, submitted = gateway.replies, time.monotonic()
    with replies.expecting(spec.id) as expected:  # before it is queued: it may end at once
        try:
            job_id = await gateway.store.submit(
                spec,
                model,
                idempotency=idempotency,
                gateway_id=replies.gateway_id if wait_s > 0 else "",
                limits=gateway.settings.limits,
            )
        except Overloaded:
            gateway.metrics.refused.labels(model.name).inc()
            raise
        except NotReplicated as error:
            raise NotReplicated(
                f"the job may have been accepted, and may be lost should Redis fail over: {error}; send it again under "
                f"the same Idempotency-Key, which gives the job it made{'' if idempotency else ' (this had none)'}"
            ) from error
        if job_id == spec.id:  # not an idempotency key seen before
            gateway.metrics.submitted.labels(model.name).inc()
        try:
            if wait_s > 0 and job_id == spec.id:
                await replies.heard(expected, min(wait_s, LOOK_AGAIN_S))
                if expected.state is not None:
                    return expected.state
            return await replies.until_finished(job_id, wait_s - (time.monotonic() - submitted))
        except QueueUnavailable:  # say that it is accepted, and where to find it when Redis is back
            view = JobView(id=job_id, status="queued", model=model, progress=Progress(done=0, total=spec.total_samples))
            return JobState.of(view)
