"""What an answer is worth, for programs that act on it: the claim and whether it holds, agreement, gain and scale."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class _View(BaseModel):
    model_config = ConfigDict(frozen=True)


class ClaimDecision(_View):
    """One of several claims that were asked, and whether it is proven."""

    claim: str = Field(description="In words, without the norm of the attack.")
    holds: bool = Field(
        description="Whether it is proven at the asked epsilon, under the asked edits or altered units, or without any "
        "at a radius above 0."
    )
    radius: float | None = Field(
        default=None,
        description="Up to which attack norm, or how many edits or altered units, it is proven. Left out where there "
        "is no limit, and where no radius was computed.",
    )


class Decision(_View):
    """The claim that was asked, and whether it is proven. Of several claims: whether all are."""

    claim: str = Field(description="In words, without the norm of the attack.")
    holds: bool = Field(
        description="Whether it is proven: at the asked epsilon, under the asked edits, or without either at any "
        "radius above 0."
    )
    radius: float | None = Field(
        default=None,
        description="Up to which attack norm, or for mechanism edits how many edits at once, for passages and words "
        "how many altered ones, it is proven. Left out where there is no limit, and where no radius was computed.",
    )
    wanted: float | None = Field(
        default=None,
        description="The asked epsilon, or how many edits at once or altered units. Left out where none was asked.",
    )
    claims: list[ClaimDecision] | None = Field(
        default=None,
        exclude_if=lambda claims: claims is None,  # results of jobs without such claims are stored as they always were
        description="Where claims on scores were asked: every claim that was, the one on the distribution first where "
        "it is among them.",
    )


class Agreement(_View):
    """How many runs gave the centre's answer. A count, and no bound on a probability."""

    answer: str | None = Field(
        default=None, description="The centre's answer. Left out where it is that there is none."
    )
    of: int = Field(description="Runs that gave it.")
    runs: int = Field(description="Runs that were drawn or made, failed ones included.")


class Scale(_View):
    """What a radius may be compared with, in the same units."""

    noise_norm: float | None = Field(default=None, description="The root mean square length of the noise.")
    embedding_norm: float | None = Field(default=None, description="The length of what is attacked.")
    nearest_cost: float | None = Field(
        default=None, description="For mechanism tokens: the norm it takes to turn the prompt into the nearest other."
    )
    nearest_synonym: float | None = Field(
        default=None,
        exclude_if=lambda norm: norm is None,  # results without it are stored as they always were
        description="For texts under mechanisms embedding and tokens: the norm it takes to turn the prompt into itself "
        "with one word swapped for a synonym of the published partition (GET /models), by another of as many tokens. "
        "Left out where there is none.",
    )


class Worth(_View):
    """The fields of an ended job that say what its answer is worth."""

    decision: Decision | None = Field(default=None, description="The claim for programs: does it hold, how far.")
    agreement: Agreement | None = Field(
        default=None, description="For metrics label and verdict under noise, passages and words."
    )
    gain_over_universal: float | None = Field(
        default=None,
        description="The radius divided by the one that holds for any generator under this noise. Left out where the "
        "claim is the share of an answer, of which nothing holds for any generator, and where nothing was sampled.",
    )
    scale: Scale | None = Field(default=None, description="Lengths to read the radius by.")
