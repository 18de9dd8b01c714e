"""What a request would take and could prove, before anything is generated: the answer of POST /plans."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from smoothgen.certificates import Stop
from smoothgen.contracts.job import ModelRef, Note


class _View(BaseModel):
    model_config = ConfigDict(frozen=True)


class Expected(_View):
    """How the job ends if the same share of its samples is bad at every look. Made from no sample: no claim."""

    bad_share: float
    bad: int = Field(description="How many of `samples` are bad: the share of them, rounded up.")
    samples: int = Field(description="Certification samples of the look that ends the job.")
    radius: float = Field(description="The radius that they prove, rounded down.")
    stop: Stop = Field(description="Why the job ends there.")
    seconds: float | None = Field(description="About how long its generations take, as `seconds` of the whole plan.")


class NoisePlan(_View):
    """What a job of noise could prove. Radii and sigma are in the mechanism's norm, distances in the metric's units."""

    radius_without_samples: float | None = Field(
        description="What holds for any generator under this noise, without a sample. null where the noise is known to "
        "the worker alone."
    )
    least_samples: int | None = Field(
        description="The least `samples` with which the asked epsilon could be proven: it is, if none is bad. null "
        "without an epsilon, where it asks for claims on scores alone, and where the server's limit is too low."
    )
    expected: list[Expected] = Field(description="By the share of bad samples; empty where no sample decides.")
    bad: str = Field(description="What a bad sample is, and what the others are taken to be.")
    assumes: str = Field(description="What else the figures take for granted.")


class EditsPlan(_View):
    """The set of edits, where the gateway lists it: small sets of short prompts. Otherwise a worker does."""

    size: int | None
    whole: bool | None = Field(description="Whether all of it is run, so that the claim is exact.")


class UnitsPlan(_View):
    """How the runs choose among the units of the request, and what they could prove."""

    units: int = Field(description="K, how many there are.")
    size: int | None = Field(description="How many of them every run keeps.")
    probability: float | None = Field(description="With which every run keeps each of them.")
    chosen: Literal["request", "server"] = Field(description="Who chose size or probability.")
    enumerated: bool = Field(description="Whether all subsets are run, so that nothing is left to chance.")
    most_altered: int = Field(
        description="The most altered units for which what is asked could be proven: it is, if every run gives the "
        "answer that is served, and has the best scores where claims on scores are asked."
    )


class Unreachable(_View):
    """A claim of the request that no sample can prove, and why, in the words of the abstention that it would end in."""

    claim: str = Field(description="The field of `robustness`.")
    reason: str
    detail: str


class PlanView(_View):
    """A request as planned, and not queued. What is random is as uncertain as `noise` says; nothing here is a claim.

    tolerance: of the metric's units. samples: certification samples, or runs under the mechanisms without noise, at
    most. looks: after how many of them the job may stop; under tokens with claims on scores and no epsilon, once every
    claim is broken. generations: all that the model makes, at most.
    """

    model: ModelRef
    mechanism: str
    sigma: float | None
    metric: dict[str, Any]
    tolerance: float
    epsilon: float | None
    keep: float | None = Field(
        description="The share of the outputs that the answer must keep, where that is the claim."
    )
    confidence: float
    samples: int
    looks: list[int]
    generations: int
    workers: int = Field(description="How many serve the model now.")
    samples_a_second: float | None = Field(
        description="Generations a second of these workers together in their last jobs, whatever these were. null "
        "where none was measured."
    )
    seconds: float | None = Field(
        description="About how long all `generations` take at that speed, without the time in the queue and as if all "
        "workers were idle. Longer texts than those of the last jobs take longer."
    )
    noise: NoisePlan | None = Field(default=None, description="For mechanisms with noise.")
    edits: EditsPlan | None = Field(default=None, description="For mechanism edits.")
    units: UnitsPlan | None = Field(default=None, description="For mechanisms passages and words.")
    cannot: list[Unreachable] = Field(description="Claims asked for that cannot be met.")
    statement: str = Field(description="When the radius is known.")
    notes: list[Note] | None = None
