"""The paths under /v1."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Body, Depends, Request, Response
from fastapi.responses import JSONResponse
from pydantic import ValidationError

from app import ending
from app.attending import Attendant
from app.description.events import STREAMED_CHUNK
from app.description.problem_kinds import OF_A_NEW_JOB
from app.description.responses import openai_errors
from app.examples import CHAT, IMAGES, RESPONSES
from app.following import FollowedResponse
from app.http.dependencies import Gateway, GatewayDep, IdempotencyKey, TenantDep
from app.http.openai_errors import OPENAI_PATHS
from app.http.problems import problem_response
from app.http.strict_json import StrictRoute
from app.openai.answers import (
    RESPONSE_ID,
    chat_completion,
    headers_of,
    images_response,
    model_object,
    response_object,
)
from app.openai.described import (
    ChatAnswer,
    ImagesAnswer,
    OpenAIModel,
    OpenAIModels,
    ResponseAnswer,
    ResponseDeleted,
)
from app.openai.naming import Asked, told
from app.openai.requests import ChatRequest, ImagesRequest, ResponsesRequest, kept
from app.openai.streaming import streamed
from app.openai.submitting import job_of
from app.openai.unanswered import unanswered
from smoothgen.contracts import JobView, Problem
from smoothgen.errors import NotFound
from smoothgen.queue import JobState, belongs_to

_ERRORS: Final = openai_errors("not-found")
_OF_JOBS: Final = openai_errors("not-found", *OF_A_NEW_JOB, "cancelled", "erased", "unfinished")
_STREAM: Final = {"text/event-stream": {"schema": STREAMED_CHUNK}}

router = APIRouter(prefix="/v1", tags=["OpenAI"], route_class=StrictRoute)


@router.get("/models", response_model=OpenAIModels, responses=openai_errors())
async def list_openai_models(gateway: GatewayDep) -> dict[str, Any]:
    """Every model known here."""
    served = await gateway.store.models()
    return {"object": "list", "data": [model_object(each.card) for each in served]}


@router.get("/models/{model:path}", response_model=OpenAIModel, responses=_ERRORS)
async def get_openai_model(model: str, gateway: GatewayDep) -> dict[str, Any]:
    """One model."""
    card = await gateway.cards.card(model)
    if card is None:
        raise NotFound(f"no model {model!r:.100} is served here; GET /v1/models lists them", field="model")
    return model_object(card)


@router.post("/chat/completions", response_model=ChatAnswer, responses={200: {"content": _STREAM}, **_OF_JOBS})
async def create_chat_completion(
    context: Request,
    gateway: GatewayDep,
    tenant: TenantDep,
    asked: Annotated[ChatRequest, Body(openapi_examples=CHAT)],
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """One certified answer to the last message."""
    wait_s = 0.0 if asked.stream else gateway.settings.openai_wait_s
    job = await job_of(gateway, context, tenant, asked, idempotency_key, wait_s)
    if asked.stream:
        attendant = Attendant(gateway, job.id)
        events = streamed(gateway, tenant, job, attendant, asked)
        return FollowedResponse(events, attendant, {"X-SmoothGen-Job": job.id})
    return _ended(job, asked) or _answer(job, chat_completion(job.view, asked.metadata, asked.ignored))


@router.post("/images/generations", response_model=ImagesAnswer, responses=_OF_JOBS)
async def create_image(
    context: Request,
    gateway: GatewayDep,
    tenant: TenantDep,
    asked: Annotated[ImagesRequest, Body(openapi_examples=IMAGES)],
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """One certified picture."""
    job = await job_of(gateway, context, tenant, asked, idempotency_key, gateway.settings.openai_wait_s)
    return _ended(job, asked) or _answer(job, images_response(job.view, asked.ignored))


@router.post("/responses", response_model=ResponseAnswer, responses=_OF_JOBS)
async def create_response(
    context: Request,
    gateway: GatewayDep,
    tenant: TenantDep,
    asked: Annotated[ResponsesRequest, Body(openapi_examples=RESPONSES)],
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """One certified answer; with `background`, at once, to be read later."""
    wait_s = 0.0 if asked.background else gateway.settings.openai_wait_s
    job = await job_of(gateway, context, tenant, asked, idempotency_key, wait_s)
    if not asked.background and (problem := _ended(job, asked)) is not None:
        return problem
    return _answer(job, response_object(job.view, asked.echo, asked.metadata, asked.ignored))


async def _own_response(response_id: str, tenant: TenantDep) -> str:
    job_id = response_id.removeprefix(RESPONSE_ID)
    if not (response_id.startswith(RESPONSE_ID) and belongs_to(job_id, tenant)):
        raise NotFound(f"no response {response_id!r:.100} is known; it may have been made under another key")
    return job_id


_OwnResponse = Annotated[str, Depends(_own_response)]


@router.get("/responses/{response_id}", response_model=ResponseAnswer, responses=_ERRORS)
async def get_response(job_id: _OwnResponse, gateway: GatewayDep, tenant: TenantDep) -> Response:
    """A response as it stands."""
    job = await gateway.signer.signed(tenant, await gateway.store.read(job_id))
    return _answer(job, response_object(job.view, await _kept(gateway, job_id)))


@router.post(
    "/responses/{response_id}/cancel",
    response_model=ResponseAnswer,
    responses=openai_errors("not-found", "unsupported-media-type"),
)
async def cancel_response(job_id: _OwnResponse, gateway: GatewayDep, tenant: TenantDep) -> Response:
    """Cancel a response that has not ended."""
    asked = await _kept(gateway, job_id)
    job = await gateway.signer.signed(tenant, await ending.cancel(gateway, job_id))
    return _answer(job, response_object(job.view, asked))


@router.delete("/responses/{response_id}", response_model=ResponseDeleted, responses=_ERRORS)
async def delete_response(job_id: _OwnResponse, gateway: GatewayDep, tenant: TenantDep) -> dict[str, Any]:
    """Erase a response's prompt and output: it is no longer known. Its certificate stays."""
    await _kept(gateway, job_id)
    await ending.erase(gateway, tenant, job_id)
    return {"id": RESPONSE_ID + job_id, "object": "response", "deleted": True}


async def _kept(gateway: Gateway, job_id: str) -> dict[str, Any]:
    """Returns what the job keeps of its request, by OpenAI's names. Raises NotFound for a response that was deleted."""
    try:
        spec = await gateway.store.request_of(job_id)
    except ValidationError:  # written by another version
        return {}
    return {} if spec is None else kept(spec.parameters)


def _ended(job: JobState, asked: Asked) -> Response | None:
    """Returns the error of a job that has no output: it failed, was cancelled, or takes longer than this request."""
    problem = unanswered(job.view) or (None if job.view.status == "succeeded" else _slow(job.view))
    return None if problem is None else problem_response(told(problem, asked), path=OPENAI_PATHS)


def _slow(view: JobView) -> Problem:
    return Problem.of(
        "unfinished",
        "The job takes longer than the request",
        504,
        f"job {view.id} goes on: the same request, sent while it does, waits for it; GET /jobs/{view.id} has it later",
    )


def _answer(job: JobState, body: dict[str, Any]) -> Response:
    return JSONResponse(body, headers=headers_of(job.view))
