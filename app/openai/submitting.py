"""From a request under /v1 to a queued job. OpenAI's clients repeat a request that took too long, without a key of
their own: a repeat is the same job."""

from __future__ import annotations

import structlog
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from app.http.dependencies import Gateway
from app.http.openai_errors import OPENAI_PATHS
from app.openai.naming import Asked, invalid, with_clients_names
from app.planned import served
from app.submitting import submitted
from smoothgen.contracts import Extension, GenerateRequest, ModelCard
from smoothgen.errors import InvalidInput, InvalidParameters, NotFound, UnknownName
from smoothgen.queue import Idempotency, JobState

_RETRY_HEADER = "x-stainless-retry-count"
_log = structlog.get_logger("smoothgen.openai")


async def job_of(
    gateway: Gateway,
    context: Request,
    tenant: str,
    asked: Asked,
    key: str | None,
    wait_s: float,
) -> JobState:
    """Queues the job that is asked, or finds the one that the same request made before, and waits for it `wait_s`
    seconds at the most. key: the Idempotency-Key.

    Without a key, the same request of one tenant is the same job until that ends; one that its client marks as a retry
    is the same job after that too. Raises what `submitted` raises, NotFound for an unknown model, InvalidParameters for
    one that makes something else, RequestValidationError.
    """
    try:
        card = await served(gateway, asked.model)
    except UnknownName as error:
        raise NotFound(str(error), field="model") from error  # OpenAI's clients know an unknown model by 404
    _require_modality(card, asked)
    if asked.ignored:
        _log.info("fields_ignored", fields=len(asked.ignored), tenant=tenant)  # not their names: clients write them
    try:
        request = asked.generate(card, _defaults(gateway, tenant, asked.model))
    except ValidationError as error:
        raise invalid(error, asked) from error
    try:
        return await submitted(gateway, context, tenant, request, _idempotency(context, request, key), wait_s)
    except RequestValidationError as error:
        raise invalid(error, asked) from error
    except InvalidInput as error:
        raise with_clients_names(error, asked) from None


def _require_modality(card: ModelCard, asked: Asked) -> None:
    """Raises InvalidParameters for a model that makes something else than is asked for."""
    if card.modality != asked.modality:
        made, path = ("pictures", "images/generations") if card.modality == "image" else ("texts", "chat/completions")
        raise InvalidParameters(f"model {asked.model!r} makes {made}; ask it at {OPENAI_PATHS}{path}", field="model")


def _defaults(gateway: Gateway, tenant: str, model: str) -> Extension:
    """Returns what requests are certified by where they say nothing: the key's own, else the model's, else anyone's."""
    configured = gateway.settings.openai_defaults
    found = (configured.get(name) for name in (f"tenant:{tenant}", model, "*"))
    return next((each for each in found if each is not None), Extension())


def _idempotency(context: Request, request: GenerateRequest, key: str | None) -> Idempotency:
    if key is not None:
        return Idempotency.of(key, request)
    retried = context.headers.get(_RETRY_HEADER, "0") not in ("", "0")
    return Idempotency.of_repeat(request, outlasts=retried)
