"""What a worker tells the gateway about a model it serves, and GET /models shows."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from pydantic import Field, model_validator

from smoothgen.contracts.base import Contract
from smoothgen.contracts.mechanism_names import EMBEDDING
from smoothgen.contracts.parameters import Modality
from smoothgen.errors import InvalidBudget


class Calibration(Contract):
    """Median output displacement of a model at a grid of noise levels: the budget's exchange rate (theory §5a).

    Finite differences at the scale of the noise itself: displacements[k] is the median over a prompt set of the mean
    distance between G(z + sigmas[k]·u) and G(z), u ~ N(0, I). displacement / sigma is the sensitivity ‖∇G‖ seen at that
    scale. The prompt a request brings is never looked at, so σ stays constant under attack and T1-T3 apply.
    """

    metric: str
    sigmas: list[float] = Field(min_length=1)
    displacements: list[float] = Field(min_length=1)
    prompts: int
    probes: int
    seed: str
    parameters: dict[str, int | float | bool | str | None]

    @model_validator(mode="after")
    def _increasing(self) -> Self:
        if len(self.sigmas) != len(self.displacements):
            raise ValueError("sigmas and displacements must have one length")
        if self.sigmas[0] <= 0 or any(b <= a for a, b in zip(self.sigmas, self.sigmas[1:], strict=False)):
            raise ValueError("sigmas must be positive and increasing")
        return self

    def sigma_for(self, budget: float) -> float:
        """Returns σ = budget / sensitivity, with the sensitivity read at the scale of that σ.

        Below the grid the sensitivity of its first level is used; within the grid displacements are interpolated.
        Raises InvalidBudget beyond the largest displacement measured.
        """
        displacements = np.maximum.accumulate(np.array(self.displacements))
        if not 0 < budget <= displacements[-1]:
            raise InvalidBudget(
                f"budget {budget!r} is out of reach: this model was calibrated for displacements up to "
                f"{displacements[-1]:.4g} in metric {self.metric!r}; ask for less, or give sigma",
                field="robustness.budget",
            )
        if budget <= displacements[0]:
            return self.sigmas[0] * budget / float(displacements[0])
        first = int(np.searchsorted(displacements, budget))
        low, high = displacements[first - 1], displacements[first]
        share = (budget - low) / (high - low)
        return float(self.sigmas[first - 1] + share * (self.sigmas[first] - self.sigmas[first - 1]))


class MetricCard(Contract):
    """A metric the model can be certified in."""

    name: str
    diameter: float
    description: str
    calibration: Calibration | None = None
    models: list[str] | None = None
    """For vision-chord: the feature models it may name."""


class ImageCard(Contract):
    """What a text-to-image model takes, and what it takes where a request says nothing."""

    width: int
    height: int
    smallest_side: int
    largest_side: int
    num_inference_steps: int
    guidance_scale: float
    strength: float
    scheduler: str
    schedulers: list[str]


class PartitionCard(Contract):
    """A partition of words that prompts may be drawn from (`robustness.synonyms`), by the digest of its file."""

    name: str
    version: str
    digest: str
    classes: int
    words: int


class ModelCard(Contract):
    """One served model."""

    id: str
    modality: Modality
    revision: str
    digest: str
    description: str
    mechanisms: list[str]
    metrics: list[MetricCard]
    default_sigma: float
    """Noise on the embedding where a request names none."""
    default_snapped_sigma: float | None = None
    """Noise on the embedding where a request asks for `snap` and names no level; None where nothing can be snapped: the
    model reads no tokens, or its worker does not say."""
    snap_table: str | None = None
    """sha256 ("sha256:<hex>") of the table that noisy embeddings are snapped to; None where nothing can be snapped, or
    its worker does not say."""
    default_mechanism: str = EMBEDDING
    """What certifies a request that names no mechanism and asks for nothing that only noise has."""
    default_betas: dict[str, float] = Field(default={})
    """The noise level where a request names none, for mechanisms with a schedule and for shaped noise, by name."""
    differentiable: bool | None = None
    """Whether sensitivity can be estimated by autodiff; None where its worker does not say."""
    scores: list[str] = Field(default=[])
    """The scores that claims can be made on; plug-ins as "plugin:<name>"."""
    chat: bool = False
    """Whether the model's tokenizer brings a chat template, for `parameters.chat`."""
    image: ImageCard | None = None
    for_learning: bool = False
    """Whether the model is a closed-form model, which is listed last and never a default."""
    longest_prompt_tokens: int | None = None
    largest_dimension: int | None = None
    """The most numbers that a prompt's embedding can have, None where there is no such limit."""
    precision: str | None = None
    """The number format the model computes in; None on the card of a worker that does not say."""
    batch_sensitivity: float | None = None
    """The share of probe rows whose output changed with the batch size, measured at load; None where it was not."""
    synonyms: PartitionCard | None = None
    """The partition `robustness.synonyms` draws words from; None where prompts are no texts."""
    lipschitz: dict[str, Any] | None = None
    """The constant that the model is proven to have under noise on the embedding (`smoothgen.certificates.Lipschitz`);
    None where none is proven, or its worker does not say."""

    def metric(self, name: str) -> MetricCard | None:
        """Returns the card of a metric, None if the model does not offer it."""
        return next((m for m in self.metrics if m.name == name), None)
