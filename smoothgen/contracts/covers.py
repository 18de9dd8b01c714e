"""What a certificate says of other prompts (POST /certificates/{id}/covers), and the call that asks a worker."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from smoothgen.contracts.base import Contract
from smoothgen.contracts.job import Note
from smoothgen.contracts.problem import Problem
from smoothgen.contracts.prompt import Prompt
from smoothgen.contracts.units import Context

MOST_PROMPTS: Final = 64


class CoversRequest(Contract):
    """Other prompts to hold against a certificate, or another context."""

    context: Context | None = Field(
        default=None,
        description="For a certificate of mechanism passages or words: other passages under the same prompt.",
    )
    prompts: list[Prompt] = Field(
        default=[],
        max_length=MOST_PROMPTS,
        validate_default=True,
        description="At least one is required where there is no context.",
    )
    confidence: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="With which all prompt bounds of the answer hold together, apart from the certificate's own. "
        "Default: the certificate's.",
    )

    @field_validator("prompts")
    @classmethod
    def _something_to_compare(cls, prompts: list[Prompt], others: ValidationInfo) -> list[Prompt]:
        has_context = others.data.get("context", "") is not None  # one that was refused is not in `data`
        if not prompts and not has_context:
            raise ValueError("at least 1 item is required, or for a certificate of passages a context")
        if prompts and has_context:
            raise ValueError("prompts and context are compared in requests of their own; send one of them")
        return prompts


class _View(BaseModel):
    model_config = ConfigDict(frozen=True)


class PromptCover(_View):
    """One other prompt. Bounds are on the Wasserstein-1 distance between its outputs and the certificate's, in the
    metric's units, rounded up."""

    prompt: str | None = Field(default=None, description="Left out where a context was compared.")
    comparable: bool
    reason: str | None = Field(
        default=None, description="Why it cannot be compared, or why nothing is known of it but that it lies far away."
    )
    same_class: bool | None = Field(
        default=None, description="For noise on synonym classes: whether swaps inside classes turn one into the other."
    )
    distance: float | None = Field(
        default=None,
        description="The attack norm that leads to this prompt. Mechanism tokens: no attack of a smaller norm does.",
    )
    rank: int | None = Field(
        default=None,
        description="Mechanism tokens: its place among the certificate's runs, by cost. 0 reads as the very tokens of "
        "the certificate's prompt; a prompt that was not run has none.",
    )
    altered: int | None = Field(
        default=None,
        description="Mechanisms passages and words: how many units differ, the fewest replaced, left out or put in.",
    )
    least_share: float | None = Field(
        default=None,
        description="Mechanisms passages and words with a label metric: the answer keeps at least this share of the "
        "runs.",
    )
    inside: bool | None = Field(default=None, description="Whether it lies within the certified radius.")
    ball_bound: float | None = Field(default=None, description="What the certificate says of every prompt so far away.")
    prompt_bound: float | None = Field(default=None, description="A bound of this very prompt.")
    universal_bound: float | None = Field(default=None, description="What holds at this distance for any generator.")
    w1_bound: float | None = Field(default=None, description="The least of them that applies to the prompt as served.")
    notes: list[Note] | None = Field(
        default=None,
        description="What an answer to this prompt would carry: a prompt inside the ball whose meaning the model does "
        "not know is no paraphrase.",
    )


class Covers(_View):
    """The answer. `samples`: certification samples the prompt bounds rest on; `norm`: what distance and radius mean."""

    certificate: str
    radius: float | None = Field(default=None, description="As in the certificate; none where it is infinite.")
    norm: str
    confidence: float
    samples: int
    statement: str
    answers: list[PromptCover]


class CoversCall(Contract):
    """What the gateway asks a worker. deadline_ms: when the gateway stops waiting for an answer, Unix milliseconds."""

    id: str
    gateway: str
    certificate: str
    model: str
    prompts: list[str]
    confidence: float | None
    deadline_ms: int


CoversReply = Covers | Problem
"""What the worker answers."""
