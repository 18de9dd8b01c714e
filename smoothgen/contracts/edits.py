"""Sets of edits of a prompt: as a request asks for one, and as a job's selection lists it."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from smoothgen.contracts.base import Contract
from smoothgen.contracts.prompt import Prompt

MOST_VARIANTS: Final = 1_000

EditKind = Literal["typo", "capitals", "spacing", "punctuation", "synonym"]


class Edits(Contract):
    """Which edits of the prompt are run: `smoothgen.edits.EditSet` lists them (docs/theory/edits.md)."""

    kinds: list[EditKind] = Field(
        default=["typo", "capitals", "spacing", "punctuation", "synonym"],
        description="Whose edits are in the set. Default: all; empty: the variants alone.",
    )
    at_once: Annotated[int, Field(ge=1, le=2)] = Field(
        default=1, description="How many edits together. The set grows with the square of it."
    )
    variants: list[Prompt] = Field(
        default=[], max_length=MOST_VARIANTS, description="Further texts, each of them one edit: paraphrases, say."
    )

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if not self.kinds and not self.variants:
            raise ValueError("the set of edits is empty: name a kind of edit, or give variants of the prompt")
        return self


class ListedEdits(BaseModel):
    """The set of edits of a job's prompt: a job's selection lists it, and any worker lists it again from the request.

    edit_set: of the certificate to come (`smoothgen.certificates.EditSetIdentity`), its digest with it. size, singles:
    how many texts it has, and how many of them are one edit away. draws: how many are drawn from it, with replacement,
    by the job's seed; None where all of them are run.
    """

    model_config = ConfigDict(frozen=True)

    edit_set: dict[str, Any]
    size: int
    singles: int
    draws: int | None
