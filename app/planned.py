"""What POST /generate and POST /plans begin with: a valid request, the card of its model, and the job it is planned as.

Both call `planned`, so that a plan and a job are never decided differently, and are refused in the same words.
"""

from __future__ import annotations

from functools import partial

from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from app.http.dependencies import Gateway
from smoothgen.contracts import GenerateRequest, JobSpec, Label, ModelCard, parameter_names
from smoothgen.errors import NoWorker, UnknownName
from smoothgen.planning.plan import Submission, plan
from smoothgen.planning.samples import require_room_for_samples


async def planned(gateway: Gateway, request: GenerateRequest, submission: Submission) -> tuple[ModelCard, JobSpec]:
    """Returns the card of the model that is asked and the job as it is planned.

    Raises NoWorker, UnknownName, QueueUnavailable, Overloaded, RequestValidationError for parameters that the model's
    kind does not take, and what `plan` raises.
    """
    card = await served(gateway, request.model)
    decide = partial(plan, request, card, max_samples=gateway.settings.max_samples, submission=submission)
    try:
        spec = await gateway.threads.run(decide) if _takes_a_while(request) else decide()
    except ValidationError as error:
        raise _bad_parameters(error, request, card) from error
    require_room_for_samples(spec, gateway.settings.max_output_bytes)
    return card, spec


async def served(gateway: Gateway, model: str) -> ModelCard:
    """Returns the model's card. Raises NoWorker where it may still come, UnknownName where it will not,
    QueueUnavailable."""
    card = await gateway.cards.card(model)
    if card is not None:
        return card
    known, configured = {served.card.id for served in await gateway.store.models()}, gateway.settings.model_names
    if not known and not configured:
        raise NoWorker(f"no worker has registered any model yet, {model!r} among them; send it again in a moment")
    if model in configured:
        raise NoWorker(f"the workers have not loaded model {model!r} yet; send it again in a moment")
    raise UnknownName("model", model, sorted(known | configured), field="model")


def _takes_a_while(request: GenerateRequest) -> bool:
    """Returns whether planning unpacks a picture or embeddings, or compiles a pattern or a schema."""
    metric = request.robustness.metric
    unpacks = not request.parameters.keys().isdisjoint({"image", "prompt_embeds"})
    compiles = isinstance(metric, Label) and metric.extract.kind == "regex"
    return unpacks or compiles or bool(request.robustness.claims)


def _bad_parameters(error: ValidationError, request: GenerateRequest, card: ModelCard) -> RequestValidationError:
    """Returns the error FastAPI would raise for a field: parameters are read late, since the card says of what kind."""
    kind = {"text": "a text model", "image": "an image model"}[card.modality]
    known = f"{kind} takes {', '.join(sorted(parameter_names(card.modality)))}"
    found = [
        {**e, "loc": ("body", "parameters", *e["loc"]), "ctx": {**e.get("ctx", {}), "known": known}}
        for e in error.errors(include_url=False)
    ]
    return RequestValidationError(found, body=request.model_dump(exclude_unset=True))
