"""The units of a request: how a client asks for them, what the server decides, and what the answer says of them."""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from smoothgen.certificates.units import UnitChoice
from smoothgen.contracts.base import Contract, require_not_both
from smoothgen.contracts.prompt import LONGEST_PROMPT
from smoothgen.units import MOST_UNITS

MOST_PASSAGES: Final = MOST_UNITS


def _some_text(passage: str) -> str:
    if not passage.strip():
        raise ValueError("the passage is empty; leave it out, or send one with a visible character")
    if "\0" in passage:
        raise ValueError(f"the passage carries a NUL character at position {passage.index(chr(0))}; remove it")
    return passage


Passage = Annotated[str, Field(max_length=LONGEST_PROMPT), AfterValidator(_some_text)]
Context = Annotated[list[Passage], Field(min_length=1, max_length=MOST_PASSAGES)]
"""The passages of a request, in the order in which the model reads those that a run keeps."""


class Units(Contract):
    """How runs choose among the units of a request: `smoothgen.certificates.units.UnitChoice`."""

    size: int | None = Field(
        default=None,
        ge=1,
        le=MOST_UNITS,
        description="s: every run keeps a uniform subset of so many units. Mechanism passages: by default the largest "
        "for which `altered` units could be proven if every run kept the answer.",
    )
    probability: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="κ: every run keeps each unit with this probability. Mechanism words: by default the largest for "
        "which `altered` units could be proven if every run kept the answer.",
    )
    altered: int | None = Field(
        default=None,
        ge=1,
        le=MOST_UNITS,
        description="m: ask for a claim about so many altered units; the job abstains if it cannot be proven, and "
        "stops as soon as either is clear. Without it, the certificate says for how many the claim holds.",
    )

    @model_validator(mode="after")
    def _one_way_to_choose(self) -> Self:
        require_not_both(self, "size", "probability", "say how units are chosen")
        return self


class PlannedUnits(BaseModel):
    """What planning decided of a job's units.

    units: K, how many there are. draws: how many subsets are drawn at most; None where all `subsets` are run. subsets:
    how many there are of the size; None with a probability, and for 2⁵³ and more. chosen: who chose size or
    probability. altered: m as asked.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    units: int
    size: int | None
    probability: float | None
    altered: int | None
    subsets: int | None
    draws: int | None
    chosen: Literal["request", "server"]

    @property
    def choice(self) -> UnitChoice:
        """Returns how the units of a run are chosen."""
        return UnitChoice(self.units, size=self.size, probability=self.probability)

    @property
    def enumerated(self) -> bool:
        """Returns whether every subset is run, so that nothing is left to chance."""
        return self.draws is None


class UnitsView(BaseModel):
    """How the runs of an answer chose among the units of its request."""

    model_config = ConfigDict(frozen=True)

    units: int = Field(description="K, how many there are.")
    size: int | None = Field(default=None, description="How many of them every run keeps.")
    probability: float | None = Field(default=None, description="With which every run keeps each of them.")
    altered: int | None = Field(default=None, description="About how many altered ones a claim was asked for.")
    subsets: int | None = Field(default=None, description="How many subsets of the size there are, below 2^53.")
    enumerated: bool = Field(description="Whether all subsets were to be run; otherwise they were drawn.")
    run: int = Field(description="How many different subsets were run.")
    chosen: Literal["request", "server"] = Field(description="Who chose size or probability.")
    reason: str = Field(description="Why a run keeps so many units, in words.")
