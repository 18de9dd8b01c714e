"""The shapes of answers under /v1, for the OpenAPI document: of OpenAI's objects the fields that are filled here."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from smoothgen.contracts import Decision, Note, Status
from smoothgen.contracts.parameters import Modality


class Certified(BaseModel):
    """The object `smoothgen` of an answer: what is certified of it."""

    status: Status | Literal["certified", "abstained"]
    job: str
    certificate: str | None = Field(description="Its id, for GET /certificates/{id}; null without one.")
    statement: str | None = Field(description="What holds, in a sentence; of an abstention, why nothing does.")
    radius: float | None
    decision: Decision | None
    reason: str | None = Field(default=None, description="Of an abstention: its reason, for programs.")
    notes: list[Note] | None = None
    ignored: list[str] | None = Field(default=None, description="Fields of the request that were not read.")


class AboutModel(BaseModel):
    """The object `smoothgen` of a model."""

    modality: Modality
    digest: str
    mechanisms: list[str]
    chat: bool


class OpenAIModel(BaseModel):
    """A model, as OpenAI's clients read it."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str
    smoothgen: AboutModel


class OpenAIModels(BaseModel):
    """The answer of GET /v1/models."""

    object: Literal["list"]
    data: list[OpenAIModel]


class ChatAnswerMessage(BaseModel):
    """What the model said."""

    role: Literal["assistant"]
    content: str


class ChatAnswerChoice(BaseModel):
    """The one choice of a chat completion."""

    index: int
    message: ChatAnswerMessage
    finish_reason: Literal["stop", "length"]


class ChatAnswerUsage(BaseModel):
    """Tokens of the output served."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class ChatAnswer(BaseModel):
    """A chat completion with its certificate."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[ChatAnswerChoice]
    usage: ChatAnswerUsage
    system_fingerprint: str
    metadata: dict[str, str]
    smoothgen: Certified


class Picture(BaseModel):
    """A picture, PNG."""

    b64_json: str


class ImagesAnswer(BaseModel):
    """The answer of POST /v1/images/generations."""

    created: int
    data: list[Picture]
    output_format: Literal["png"]
    smoothgen: Certified


class ResponseText(BaseModel):
    """A text of a response."""

    type: Literal["output_text"]
    text: str


class ResponseMessage(BaseModel):
    """A message of a response."""

    id: str
    type: Literal["message"]
    role: Literal["assistant"]
    status: Literal["completed", "incomplete"]
    content: list[ResponseText]


class ResponseTokens(BaseModel):
    """Tokens of the output served."""

    input_tokens: int
    output_tokens: int
    total_tokens: int


class ResponseFailure(BaseModel):
    """Why a response failed."""

    code: str
    message: str


class ResponseAnswer(BaseModel):
    """A response as it stands, with its certificate once it has one."""

    id: str
    object: Literal["response"]
    created_at: float
    model: str
    status: Literal["queued", "in_progress", "completed", "incomplete", "failed", "cancelled"]
    output: list[ResponseMessage]
    usage: ResponseTokens
    error: ResponseFailure | None
    incomplete_details: dict[str, Any] | None
    background: bool | None = None
    instructions: str | None = None
    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    metadata: dict[str, str]
    smoothgen: Certified


class ResponseDeleted(BaseModel):
    """The answer of DELETE /v1/responses/{id}."""

    id: str
    object: Literal["response"]
    deleted: Literal[True]
