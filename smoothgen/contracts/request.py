"""POST /generate, as the client writes it."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator

from smoothgen.contracts.base import Contract
from smoothgen.contracts.metrics import Metric
from smoothgen.contracts.parameters import PARAMETERS_SCHEMA
from smoothgen.noise import CLIENT_SEED_LIMIT

LONGEST_PROMPT: Final = 32_768
LEAST_SIGMA: Final = 1e-9
MOST_SIGMA: Final = 1e6
DEFAULT_SAMPLES: Final = 500
DEFAULT_CONFIDENCE: Final = 0.999
DEFAULT_SELECTION_SAMPLES: Final = 32


def _printable(prompt: str) -> str:
    if not prompt.strip():
        raise ValueError("the prompt is blank; send at least one visible character")
    if "\0" in prompt:
        raise ValueError(f"the prompt carries a NUL character at position {prompt.index(chr(0))}; remove it")
    return prompt


Prompt = Annotated[str, Field(min_length=1, max_length=LONGEST_PROMPT), AfterValidator(_printable)]


class Robustness(Contract):
    """What is to be certified. Give `sigma` or `budget`, or neither for the model's default noise."""

    budget: float | None = Field(
        default=None, gt=0, description="Output displacement, in the metric's units, the caller pays for robustness."
    )
    sigma: float | None = Field(
        default=None, ge=LEAST_SIGMA, le=MOST_SIGMA, description="Noise level: σ, or β of a schedule."
    )
    tolerance: float | None = Field(
        default=None, gt=0, description="τ: the certified radius keeps W₁ within it. Default: a tenth of the diameter."
    )
    epsilon: float | None = Field(
        default=None, gt=0, description="Ask for this radius: the job abstains if it cannot be proven."
    )
    samples: int = Field(default=DEFAULT_SAMPLES, ge=1, description="n, certification samples.")
    selection_samples: int = Field(
        default=DEFAULT_SELECTION_SAMPLES, ge=1, le=1024, description="n₀, samples that choose centre and output."
    )
    confidence: float = Field(default=DEFAULT_CONFIDENCE, gt=0, lt=1, description="1 − α.")
    mechanism: str = Field(
        default="embedding",
        max_length=100,
        description="Where the noise goes; GET /models lists what a model offers. embedding: one draw on the prompt "
        "embedding, held through all steps; embedding-per-step: a fresh one at every denoising step; latent-schedule: "
        "on the initial latent, or the seed image's; img2img: the pipeline's own forward noise on the seed image.",
    )
    randomness: Literal["common", "fresh"] = Field(
        default="common",
        description="common: the generator's own randomness is drawn once per job (sharper); fresh: per sample.",
    )
    metric: Metric | None = Field(default=None, description="Default: the model's first metric.")

    @model_validator(mode="after")
    def _one_noise_level(self) -> Self:
        if self.budget is not None and self.sigma is not None:
            raise ValueError(f"budget={self.budget!r} and sigma={self.sigma!r} both set the noise; give one of them")
        return self


class GenerateRequest(Contract):
    """One certified generation."""

    model: str = Field(min_length=1, max_length=300)
    prompt: Prompt
    parameters: Annotated[dict[str, Any], WithJsonSchema(PARAMETERS_SCHEMA)] = Field(
        default={}, description="What the model's pipeline takes: text parameters or image parameters."
    )
    robustness: Robustness = Robustness()
    output: Literal["representative", "sample"] = Field(
        default="representative",
        description="representative: the selection sample nearest the centre; sample: one exact draw.",
    )
    seed: int | None = Field(
        default=None,
        ge=0,
        lt=CLIENT_SEED_LIMIT,
        description="Reproduces a run. A seed the client knows weakens the statement; the certificate says so.",
    )
