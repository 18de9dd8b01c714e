"""What a certificate says of other prompts (POST /certificates/{id}/covers), and the call that asks a worker."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from smoothgen.contracts.base import Contract
from smoothgen.contracts.job import Note
from smoothgen.contracts.problem import Problem
from smoothgen.contracts.prompt import Prompt

MOST_PROMPTS: Final = 64


class CoversRequest(Contract):
    """Other prompts to hold against a certificate."""

    prompts: list[Prompt] = Field(min_length=1, max_length=MOST_PROMPTS)
    confidence: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="With which all prompt bounds of the answer hold together, apart from the certificate's own. "
        "Default: the certificate's.",
    )


class _View(BaseModel):
    model_config = ConfigDict(frozen=True)


class PromptCover(_View):
    """One other prompt. Bounds are on the Wasserstein-1 distance between its outputs and the certificate's, in the
    metric's units, rounded up."""

    prompt: str
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
