"""What a job answered, as rows are made of it: the same for a job of a server and for one of this process."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from smoothgen.certificates import AnyCertificate
from smoothgen.certificates.bounds.rounding import complement
from smoothgen.contracts import (
    EDITS,
    EMBEDDING,
    PASSAGES,
    WORDS,
    GenerateRequest,
    JobSpec,
    LipschitzEstimate,
    ModelCard,
)
from smoothgen.errors import InvalidMetric
from smoothgen.evaluation import Samples
from smoothgen.planning.plan import diameter_of, plan
from smoothgen.studies.store import Task

MOST_SAMPLES: Final = 1_000_000
_UNITS: Final[Mapping[str, str]] = {EDITS: "edits", PASSAGES: "passages", WORDS: "words"}


def request_of(task: Task) -> GenerateRequest:
    """Returns the request that a task asks. Raises pydantic.ValidationError for one that is none."""
    settings = task.settings
    return GenerateRequest.model_validate(
        {
            "model": task.model,
            "prompt": task.prompt,
            "parameters": settings["parameters"],
            "robustness": settings["robustness"],
            "seed": settings["seed"],
            **({"context": settings["context"]} if "context" in settings else {}),
            **({"output": settings["options"]["output"]} if "output" in settings["options"] else {}),
        }
    )


@dataclass(frozen=True)
class Asked:
    """What was asked of a job, every default filled in. diameter: D, metric units. sigma: None where planning leaves
    the noise to the mechanism, and without noise."""

    spec: JobSpec
    card: ModelCard
    diameter: float

    @classmethod
    def of(cls, request: GenerateRequest, card: ModelCard) -> Asked:
        """Returns the request as the gateway plans it. Raises InvalidInput as `plan` does."""
        spec = plan(request, card, max_samples=MOST_SAMPLES)
        metric = card.metric(spec.metric.name)
        return cls(spec, card, math.nan if metric is None else diameter_of(spec.metric, metric))

    @property
    def alpha(self) -> float:
        """1 − confidence."""
        return complement(self.spec.request.robustness.confidence)

    @property
    def sigma(self) -> float | None:
        """The noise level, None without noise."""
        return self.spec.sigma

    @property
    def unit(self) -> str:
        """What a radius of this job counts."""
        return _UNITS.get(self.spec.mechanism, "embedding norm")

    @property
    def passes_a_generation(self) -> int:
        """Sequential passes through the network for one generation: the denoising steps, or the most new tokens."""
        parameters: Any = self.spec.parameters
        return int(getattr(parameters, "num_inference_steps", None) or getattr(parameters, "max_new_tokens", None) or 1)


def sampled_sigma(asked: Asked, certificate: Mapping[str, Any] | None) -> float:
    """Returns the one noise level that a job's samples were drawn at, for baselines.

    certificate: the job's document: where the level was selected for the prompt, it says which. Raises InvalidMetric
    for jobs without noise on the embedding of one level.
    """
    spec = asked.spec
    if spec.mechanism != EMBEDDING or spec.sigma is None:
        raise InvalidMetric(
            f"baselines need samples under {EMBEDDING!r} noise of one level, and the mechanism is {spec.mechanism!r}; "
            "leave option baselines out",
            field="options.baselines",
        )
    if spec.request.robustness.adapt == "prompt" and certificate is not None:
        return float(certificate["mechanism"]["sigma"])
    return spec.sigma


@dataclass(frozen=True)
class Answer:
    """A job that ended well.

    certificate: None where it abstained, and then `abstained` says why. seconds: wall clock of the job. plain_seconds:
    of one generation without noise in the same process, None where it was not measured. generated: outputs generated,
    selection included. passes: sequential passes through the model, None where batches were not counted. compared: the
    outputs as baselines take them, None where they were not asked for or have no features here.
    """

    certificate: AnyCertificate | None
    abstained: str | None
    estimate: LipschitzEstimate | None
    seconds: float
    plain_seconds: float | None
    generated: int
    passes: int | None
    compared: Samples | None = None
