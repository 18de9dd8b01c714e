"""Jobs as OpenAI's objects, with the object `smoothgen` beside its fields."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final, Literal

from openai.types import CompletionUsage, Image, ImagesResponse, Model
from openai.types.chat import ChatCompletion, ChatCompletionMessage
from openai.types.chat.chat_completion import Choice
from openai.types.responses import (
    Response,
    ResponseError,
    ResponseOutputItem,
    ResponseOutputMessage,
    ResponseOutputText,
    ResponseUsage,
)
from openai.types.responses.response import IncompleteDetails
from openai.types.responses.response_usage import InputTokensDetails, OutputTokensDetails

from app.openai.certified import answered, metadata, note_codes
from smoothgen.contracts import ImageOutput, JobView, ModelCard, Status, TextOutput

CHAT_ID: Final = "chatcmpl-"
RESPONSE_ID: Final = "resp_"
_STATUSES: Final[Mapping[Status, Literal["queued", "in_progress", "completed", "failed", "cancelled"]]] = {
    "queued": "queued",
    "running": "in_progress",
    "succeeded": "completed",
    "failed": "failed",
    "cancelled": "cancelled",
}


def model_object(card: ModelCard) -> dict[str, Any]:
    """Returns a model as GET /v1/models lists it. `created` is not known here, and 0."""
    about = {"modality": card.modality, "digest": card.digest, "mechanisms": card.mechanisms, "chat": card.chat}
    model = Model(id=card.id, created=0, object="model", owned_by="smoothgen")
    return model.model_dump(mode="json") | {"smoothgen": about}


def headers_of(job: JobView) -> dict[str, str]:
    """Returns the headers of an answer: what clients keep that drop unknown fields."""
    about = answered(job)
    told = {"X-SmoothGen-Job": job.id, "X-SmoothGen-Status": about["status"]}
    if about["certificate"] is not None:
        told["X-SmoothGen-Certificate"] = job.id
    if job.notes:
        told["X-SmoothGen-Notes"] = note_codes(job)
    return told


def chat_completion(job: JobView, given: dict[str, str] | None, ignored: tuple[str, ...]) -> dict[str, Any]:
    """Returns an ended job as a chat completion. given: the request's metadata."""
    message = ChatCompletionMessage(role="assistant", content=text_of(job))
    completion = ChatCompletion(
        id=CHAT_ID + job.id,
        object="chat.completion",
        created=int(time.time()),
        model=job.model.name,
        choices=[Choice(index=0, message=message, finish_reason=finish_reason(job), logprobs=None)],
        usage=usage_of(job),
        system_fingerprint=job.model.digest,
        metadata=metadata(job, given),
    )
    return completion.model_dump(mode="json") | {"smoothgen": answered(job, ignored)}


def text_of(job: JobView) -> str:
    """Returns the job's text, "" where none was chosen."""
    return job.output.text if isinstance(job.output, TextOutput) else ""


def finish_reason(job: JobView) -> Literal["stop", "length"]:
    """Returns why the output ended."""
    tokens = job.usage.tokens if job.usage is not None else None
    return "length" if tokens is not None and not tokens.ended else "stop"


def usage_of(job: JobView) -> CompletionUsage:
    """Returns the tokens of the one output served, 0 where the model counts none: `smoothgen` says what certification
    took."""
    read, made = _tokens(job)
    return CompletionUsage(prompt_tokens=read, completion_tokens=made, total_tokens=read + made)


def images_response(job: JobView, ignored: tuple[str, ...]) -> dict[str, Any]:
    """Returns an ended job as an answer to POST /v1/images/generations."""
    pictures = [Image(b64_json=job.output.data)] if isinstance(job.output, ImageOutput) else []
    response = ImagesResponse(created=int(time.time()), data=pictures, output_format="png")
    return response.model_dump(mode="json", exclude_none=True) | {"smoothgen": answered(job, ignored)}


def response_object(
    job: JobView, asked: Mapping[str, Any], given: dict[str, str] | None = None, ignored: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Returns a job, ended or not, as an object of POST /v1/responses.

    asked: what is known of the request, by OpenAI's names (`ResponsesRequest.echo`, `kept`). given: its
    metadata. ignored: its fields that were not read.
    """
    status = _STATUSES[job.status]
    cut = status == "completed" and finish_reason(job) == "length"
    output: list[ResponseOutputItem] = []
    if status == "completed":
        text = ResponseOutputText(type="output_text", text=text_of(job), annotations=[])
        ended: Literal["completed", "incomplete"] = "incomplete" if cut else "completed"
        output = [
            ResponseOutputMessage(id=f"msg_{job.id}", type="message", role="assistant", status=ended, content=[text])
        ]
    read, made = _tokens(job)
    response = Response(
        id=RESPONSE_ID + job.id,
        object="response",
        created_at=time.time(),
        model=job.model.name,
        status="incomplete" if cut else status,
        incomplete_details=IncompleteDetails(reason="max_output_tokens") if cut else None,
        error=None if job.error is None else ResponseError(code="server_error", message=job.error.detail),
        output=output,
        parallel_tool_calls=False,
        tool_choice="none",
        tools=[],
        metadata=metadata(job, given),
        **asked,
        usage=ResponseUsage(
            input_tokens=read,
            input_tokens_details=InputTokensDetails(cached_tokens=0, cache_write_tokens=0),
            output_tokens=made,
            output_tokens_details=OutputTokensDetails(reasoning_tokens=0),
            total_tokens=read + made,
        ),
    )
    return response.model_dump(mode="json") | {"smoothgen": answered(job, ignored)}


def _tokens(job: JobView) -> tuple[int, int]:
    tokens = job.usage.tokens if job.usage is not None else None
    return (0, 0) if tokens is None else (tokens.prompt, tokens.output)
