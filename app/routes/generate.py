"""POST /generate: its declaration, and what it does. `app/lean.py` reads the request and calls it."""

from __future__ import annotations

import time
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Header, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from app.dependencies import Gateway, GatewayDep, PreferHeader, require_api_key, wait_seconds
from app.examples import GENERATE
from app.planning import plan
from app.routes.jobs import PROBLEMS, job_response
from smoothgen.contracts import GenerateRequest, JobSpec, JobView, ModelCard, ModelRef, Progress, parameter_names
from smoothgen.errors import Overloaded, QueueUnavailable, UnknownName
from smoothgen.queue import JobState

LONGEST_KEY = 256


router = APIRouter(tags=["generate"], dependencies=[Depends(require_api_key)])

_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "The output with its certificate or abstention."},
    202: {"model": JobView, "description": "Accepted and not finished: follow Location."},
    **PROBLEMS,
}


@router.post("/generate", response_model=JobView, responses=_RESPONSES)
async def generate(
    request: Annotated[GenerateRequest, Body(openapi_examples=GENERATE)],
    gateway: GatewayDep,
    prefer: PreferHeader,
    idempotency_key: Annotated[
        str | None, Header(max_length=LONGEST_KEY, description="The same key and body give the same job.")
    ] = None,
) -> Response:
    """Generate one output and certify how far attacks on the prompt's embedding can move it."""
    card = await gateway.cards.card(request.model)
    if card is None:
        known = [served.card.id for served in await gateway.store.models()]
        raise UnknownName("model", request.model, known, field="model")
    try:
        max_samples = gateway.settings.max_samples
        if "image" in request.parameters:  # unpacking a seed image takes a while
            spec = await run_in_threadpool(plan, request, card, max_samples=max_samples)
        else:
            spec = plan(request, card, max_samples=max_samples)
    except ValidationError as error:
        raise _bad_parameters(error, request, card) from error
    model = ModelRef(name=card.id, revision=card.revision, digest=card.digest)
    wait_s = wait_seconds(prefer, gateway.settings.default_wait_s, gateway.settings.max_wait_s)
    return job_response(await _submitted(gateway, spec, model, idempotency_key, wait_s), unfinished=202)


async def _submitted(
    gateway: Gateway, spec: JobSpec, model: ModelRef, idempotency_key: str | None, wait_s: float
) -> JobState:
    """Queue the job and wait for it. From acceptance on, trouble with Redis is no longer the client's."""
    waiting, submitted = gateway.waiting, time.monotonic()
    with waiting.expecting(spec.id) as expected:  # before it is queued: it may end at once
        try:
            job_id = await gateway.store.submit(
                spec,
                model,
                idempotency_key,
                gateway_id=waiting.gateway_id if wait_s > 0 else "",
                max_backlog=gateway.settings.max_queued_samples,
            )
        except Overloaded:
            gateway.metrics.refused.labels(model.name).inc()
            raise
        if job_id == spec.id:  # not an idempotency key seen before
            gateway.metrics.submitted.labels(model.name).inc()
        try:
            if wait_s > 0 and job_id == spec.id:
                await waiting.heard(expected, wait_s)
                if expected.state is not None:
                    return expected.state
            return await waiting.until_finished(job_id, wait_s - (time.monotonic() - submitted))
        except QueueUnavailable:  # say that it is accepted, and where to find it when Redis is back
            view = JobView(id=job_id, status="queued", model=model, progress=Progress(done=0, total=spec.total_samples))
            return JobState(job_id, "queued", view.model_dump_json(exclude_none=True))


def _bad_parameters(error: ValidationError, request: GenerateRequest, card: ModelCard) -> RequestValidationError:
    """The same answer as for any other field, though only the model's card told what to read."""
    kind = {"text": "a text model", "image": "an image model"}[card.modality]
    known = f"{kind} takes {', '.join(sorted(parameter_names(card.modality)))}"
    found = [
        {**e, "loc": ("body", "parameters", *e["loc"]), "ctx": {**e.get("ctx", {}), "known": known}}
        for e in error.errors(include_url=False)
    ]
    return RequestValidationError(found, body=request.model_dump(exclude_unset=True))
