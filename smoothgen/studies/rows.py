"""Rows of a study's result: every number that a report prints stands in one of them, and nothing else is printed."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat


class _Row(BaseModel):
    """What every row says of where it was measured.

    study: which part of the study asked for it, such as "protocol" or "ablation: samples". model: its name. setting:
    the name that the plan gives to what differs inside a study, such as "sigma 0.5" or "tokens".
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    study: str
    model: str
    setting: str


class CertificateRow(_Row):
    """What one method certifies of one prompt.

    method: as tables print it. ours: whether it is SmoothGen's, else it is a baseline. claim: what the radius means, in
    a sentence; methods claim different things. unit: what radius and epsilons count: "embedding norm" or "passages",
    "words", "edits". metric: the output metric's name. tolerance, diameter: metric units. alpha: the failure
    probability that was spent, 0 where nothing is random. sigma: standard deviation of the noise, None without noise.
    samples: certification samples (or runs) that were drawn. radius: None where the method abstains, and then
    `abstained` says why. curve: increasing (epsilon, certified bound) points; `steps`: whether a
    point's bound holds from its epsilon up to the next one's, and the last for all norms beyond, as where all that an
    attack can reach was run. slope, offset: the least C and beta with
    bound(epsilon) ≤ C·epsilon + beta on the curve, None where the curve proves none. estimated: True for numbers that
    are no certificate, such as tolerance divided by an estimated Lipschitz constant.
    """

    kind: Literal["certificate"] = "certificate"
    prompt: str
    method: str
    ours: bool
    claim: str
    unit: str = "embedding norm"
    metric: str
    tolerance: float
    diameter: float
    alpha: float
    sigma: float | None = None
    samples: int
    radius: float | None
    abstained: str | None = None
    curve: tuple[tuple[float, float], ...] = ()
    steps: bool = False
    slope: float | None = None
    offset: float | None = None
    estimated: bool = False


class AttackRow(_Row):
    """One attack on one prompt, at one norm.

    attack: its name, such as "PGD, loss on the centre, 20 steps". method: the certificate it is set against, "no
    protection" where the model is attacked without noise. claim: what is bounded: "W1", "the answer", "deviation", a
    score's name. multiple: epsilon divided by the certified radius, None where there is none. epsilon: the attack's
    norm, or its count of units. lower: lower confidence bound on what it did, valid with probability 1 - alpha.
    estimate: the same without confidence. certified: what no attack of this norm can exceed, the diameter where nothing
    is claimed. certificate: names the certificate attacked; rows with one certificate share its failure probability.
    """

    kind: Literal["attack"] = "attack"
    prompt: str
    attack: str
    method: str
    claim: str
    unit: str = "embedding norm"
    epsilon: float
    multiple: float | None = None
    estimate: float
    lower: float
    certified: float
    alpha: float
    certificate: str
    certificate_alpha: float
    tolerance: float
    found: str | None = None


class FidelityRow(_Row):
    """How good outputs are under one setting, over all prompts, or on one where `prompt` is given.

    measure: such as "Fréchet distance in our feature space", "perplexity", "BLEU". value: in `unit`. low, high: a
    confidence interval at 1 - alpha, None where none is stated. samples: outputs that were measured. A measure that has
    no finite value has no row.
    """

    kind: Literal["fidelity"] = "fidelity"
    prompt: str | None = None
    measure: str
    unit: str
    value: FiniteFloat
    low: FiniteFloat | None = None
    high: FiniteFloat | None = None
    alpha: float | None = None
    samples: int


class CostRow(_Row):
    """What one certificate took. seconds: wall clock. plain_seconds: one generation without any certificate, in the
    same process. samples: outputs generated, selection included. passes: sequential passes through the model, None
    where they were not counted."""

    kind: Literal["cost"] = "cost"
    prompt: str
    seconds: float = Field(ge=0)
    plain_seconds: float | None = None
    samples: int
    passes: int | None = None


Row = Annotated[CertificateRow | AttackRow | FidelityRow | CostRow, Field(discriminator="kind")]
"""Any row of a result file."""


class Provenance(BaseModel):
    """Where the rows of one task come from.

    command: what was typed. revision: the git commit of the code, with "+" where files differed from it. seed: the
    task's. seconds: wall clock of the whole task. finished_at: UTC, ISO 8601. machine: cores, processor and accelerator
    in words. weights: digests of the models that ran.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    command: str
    revision: str
    seed: int
    seconds: float
    finished_at: str
    machine: str
    weights: dict[str, str] = Field(default_factory=dict)
