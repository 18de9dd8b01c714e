"""POST /generate."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Header, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from app.body import JsonRoute
from app.dependencies import GatewayDep, PreferHeader, require_api_key, wait_seconds
from app.examples import GENERATE
from app.planning import plan
from app.routes.jobs import PROBLEMS, view_response
from smoothgen.contracts import GenerateRequest, JobView, ModelCard, ModelRef, Progress, parameter_names
from smoothgen.errors import QueueUnavailable, UnknownName

router = APIRouter(tags=["generate"], dependencies=[Depends(require_api_key)], route_class=JsonRoute)

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
        str | None, Header(max_length=256, description="The same key and body give the same job.")
    ] = None,
) -> Response:
    """Generate one output and certify how far attacks on the prompt's embedding can move it."""
    card = await gateway.store.model(request.model)
    if card is None:
        known = [served.card.id for served in await gateway.store.models()]
        raise UnknownName("model", request.model, known, field="model")
    try:
        # In a thread: unpacking a seed image takes a while.
        spec = await run_in_threadpool(plan, request, card, max_samples=gateway.settings.max_samples)
    except ValidationError as error:
        raise _bad_parameters(error, request, card) from error
    model = ModelRef(name=card.id, revision=card.revision, digest=card.digest)
    job_id = await gateway.store.submit(spec, model, idempotency_key)
    gateway.metrics.submitted.labels(card.id).inc()
    wait_s = wait_seconds(prefer, gateway.settings.default_wait_s, gateway.settings.max_wait_s)
    try:
        view = await gateway.waiting.until_finished(job_id, wait_s)
    except QueueUnavailable:  # after the job was accepted: say so, and where to find it when Redis is back
        view = JobView(id=job_id, status="queued", model=model, progress=Progress(done=0, total=spec.total_samples))
    return view_response(view, unfinished=202)


def _bad_parameters(error: ValidationError, request: GenerateRequest, card: ModelCard) -> RequestValidationError:
    """The same answer as for any other field, though only the model's card told what to read."""
    kind = {"text": "a text model", "image": "an image model"}[card.modality]
    known = f"{kind} takes {', '.join(sorted(parameter_names(card.modality)))}"
    found = [
        {**e, "loc": ("body", "parameters", *e["loc"]), "ctx": {**e.get("ctx", {}), "known": known}}
        for e in error.errors(include_url=False)
    ]
    return RequestValidationError(found, body=request.model_dump(exclude_unset=True))
