"""The request that a client sends to POST /generate."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Final, Literal, Self, get_args

from pydantic import Field, model_validator

from smoothgen.certificates.format.canonical import canonical
from smoothgen.contracts.adapting import LipschitzMethod
from smoothgen.contracts.base import Contract, require_not_both
from smoothgen.contracts.edits import Edits
from smoothgen.contracts.metrics import Metric
from smoothgen.contracts.parameters import DescribedAsParameters
from smoothgen.contracts.prompt import Prompt
from smoothgen.contracts.scores import Claims
from smoothgen.contracts.units import Context, Units
from smoothgen.noise import CLIENT_SEED_LIMIT

LEAST_SIGMA: Final = 1e-9
MOST_SIGMA: Final = 1e6
LONGEST_DEADLINE_S: Final = 24 * 3600.0
LEAST_RETENTION_S: Final = 60
LONGEST_RETENTION_S: Final = 30 * 24 * 3600
DEFAULT_RETENTION_S: Final = 24 * 3600
DEFAULT_SAMPLES: Final = 500
DEFAULT_CONFIDENCE: Final = 0.999
DEFAULT_SELECTION_SAMPLES: Final = 32

Tier = Literal["request", "fleet", "universal"]
Priority = Literal["high", "normal", "low"]
PRIORITIES: Final[tuple[Priority, ...]] = get_args(Priority)


class Robustness(Contract):
    """What is to be certified. Give `sigma` or `budget`, or neither for the model's default noise."""

    budget: float | None = Field(
        default=None, gt=0, description="Output displacement, in the metric's units, the caller pays for robustness."
    )
    adapt: Literal["model", "prompt"] = Field(
        default="model",
        description="How a budget becomes σ. model: one σ for all prompts, from the model's calibration; prompt: σ "
        "from this prompt's own sensitivity on a public grid, its choice certified too: more samples, a radius that "
        "also depends on how clear the choice was, and an abstention where it was not.",
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
    keep: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="For metrics label and verdict: the share of the outputs that the answer must keep, such as 0.9. "
        "The radius is then that of this share, whatever the tolerance, and an asked epsilon is proven by the share, "
        "or the job abstains. Mechanisms tokens and edits keep an answer or do not, so any share means all of it; "
        "passages and words take 0.5 where neither a share nor a tolerance is given.",
    )
    samples: int = Field(default=DEFAULT_SAMPLES, ge=1, description="n, certification samples.")
    selection_samples: int = Field(
        default=DEFAULT_SELECTION_SAMPLES, ge=1, le=1024, description="n₀, samples that choose centre and output."
    )
    confidence: float = Field(default=DEFAULT_CONFIDENCE, gt=0, lt=1, description="1 − α.")
    mechanism: str | None = Field(
        default=None,
        max_length=100,
        description="Where the noise goes, if any. GET /models lists what a model offers, and its default_mechanism, "
        "which is taken where a request names none. sigma, snap, synonyms, adapt, lipschitz_estimate, fresh randomness "
        "and the tiers fleet and universal are about noise, and select embedding. embedding: one draw on the prompt "
        "embedding, held through all steps; embedding-shaped: the same, longer in some directions than in others by a "
        "published matrix A, with epsilon the l2 norm of A^-1·delta; embedding-per-step: a fresh one at every "
        "denoising step; latent-schedule: on the initial latent, or the seed image's; img2img: the pipeline's own "
        "forward noise on the seed image; tokens: no noise, every embedding is snapped to its nearest token, and the "
        "model runs on the token sequences an attack can reach, nearest first, `samples` of them at most: an exact "
        "certificate; edits: no noise, the model runs on `edits` of the prompt: on all of them, which is exact, or "
        "where they are more than `samples`, on so many drawn from them; passages: no noise, every run reads some "
        "passages of the `context`, which selects it; words: the same with the words of the context, or of the prompt "
        "where there is none.",
    )
    units: Units | None = Field(
        default=None,
        description="For mechanisms passages and words: how many units a run keeps, and about how many altered ones a "
        "claim is asked for.",
    )
    edits: Edits | None = Field(
        default=None,
        description="For mechanism edits, which it selects: the set of edits. Default: one edit of any kind.",
    )
    synonyms: bool = Field(
        default=False,
        description="Draw every word of the prompt from its class of a public partition (GET /models names it) before "
        "the prompt is embedded, anew for every sample: any number of swaps inside the classes changes nothing. With "
        "mechanism embedding only.",
    )
    snap: bool | None = Field(
        default=None,
        description="After the noise, replace every embedding by its nearest row of the model's public token table, so "
        "that the model reads tokens: stands far more noise. true selects mechanism embedding, on models whose card "
        "has a default_snapped_sigma; false keeps noise as it is drawn. Default: snapped under mechanism embedding on "
        "these models, unless sigma, budget, adapt or lipschitz_estimate asks for noise as it is drawn.",
    )
    randomness: Literal["common", "fresh"] = Field(
        default="common",
        description="common: the generator's own randomness is drawn once per job (sharper); fresh: per sample.",
    )
    metric: Metric | None = Field(default=None, description="Default: the model's first metric.")
    tier: Tier = Field(
        default="request",
        description="request: the request's own certificate from `samples` samples; fleet: one extra sample, and a "
        "certificate of the average shift of the traffic at GET /fleet; universal: no extra sample. Under fleet and "
        "universal the request's own certificate is the one that holds for any generator (theorem T1).",
    )
    claims: Claims | None = Field(
        default=None,
        description="Claims on scores of the output that are to hold under attack, 8 at most, beside the claim on the "
        "distribution of outputs: each has an equal share of the failure probability. With epsilon, the job abstains "
        "where one of them is not proven, as it does with units.altered; the distribution is asked too where a "
        "tolerance, keep or output majority is given, and under passages and words with an answer, whose majority is "
        "then asked. With every mechanism in tier request; of a sample of edits, a claim becomes the share of the set "
        "that is as asked.",
    )
    radius_tolerance: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="Without epsilon: stop when no further doubling of the samples is expected to enlarge the radius "
        "by more than this fraction of it.",
    )
    deadline_s: float | None = Field(
        default=None,
        gt=0,
        le=LONGEST_DEADLINE_S,
        description="Seconds from submission after which the job is certified with the samples it has.",
    )

    lipschitz_estimate: bool | LipschitzMethod = Field(
        default=False,
        description="Report how steep the model is around this prompt, never certified. true: by finite-differences, "
        "in the job's metric, any model; autodiff: the largest singular value of the Jacobian, for models torch can "
        "differentiate.",
    )

    @property
    def asks_shift(self) -> bool:
        """Returns whether an epsilon asks for more than the claims on scores: for the distribution or a kept share.

        Of a planned job, since planning writes the share of a majority into `keep`.
        """
        return self.claims is None or self.tolerance is not None or self.keep is not None

    @model_validator(mode="after")
    def _one_noise_level(self) -> Self:
        require_not_both(self, "budget", "sigma", "set the noise")
        return self

    @model_validator(mode="after")
    def _what_adapts(self) -> Self:
        if self.adapt == "model":
            return self
        if self.budget is None:
            said = "no budget is given" if self.sigma is None else f"sigma={self.sigma!r} sets it already"
            raise ValueError(
                f"adapt='prompt' chooses the noise by a budget, and {said}; give a budget, or leave adapt out"
            )
        if self.tier != "request":
            raise ValueError(
                f"adapt='prompt' draws samples to choose the noise of one request, and tier {self.tier!r} has one "
                "noise for all; ask for tier 'request', or leave adapt out"
            )
        return self

    @model_validator(mode="after")
    def _one_way_to_stop(self) -> Self:
        if self.tier != "request":
            if self.keep is not None:
                raise ValueError(
                    f"keep={self.keep!r} is a share of sampled answers, and tier {self.tier!r} samples none; leave it "
                    "out, or ask for tier 'request'"
                )
            for name in ("radius_tolerance", "deadline_s"):
                if getattr(self, name) is not None:
                    raise ValueError(
                        f"{name}={getattr(self, name)!r} says when to stop sampling, and tier {self.tier!r} samples no "
                        "more than it must; leave it out, or ask for tier 'request'"
                    )
        require_not_both(self, "radius_tolerance", "epsilon", "say when to stop")
        return self


class GenerateRequest(Contract):
    """One certified generation."""

    model: str = Field(min_length=1, max_length=300)
    prompt: Prompt
    context: Context | None = Field(
        default=None,
        description="Passages for the model to read: they stand before the prompt, or where it says {context}. Each of "
        "them may be an attacker's: mechanism passages, which they select, certifies how many of them cannot change "
        "the answer.",
    )
    parameters: Annotated[dict[str, Any], DescribedAsParameters] = Field(
        default={}, description="What the model's pipeline takes: text parameters or image parameters."
    )
    robustness: Robustness = Robustness()
    output: Literal["representative", "sample", "majority", "samples"] = Field(
        default="representative",
        description="representative: the selection sample nearest the centre; sample: one exact draw; majority: the "
        "answer most selection samples give, for metrics label and verdict under noise, which it selects: the radius "
        "is the one below which no attack makes it lose its majority (robustness.keep, 0.5 where none is given); "
        "samples: the representative, and all noisy samples at GET /jobs/{id}/outputs, for mechanisms of noise in tier "
        "request without epsilon, radius_tolerance and deadline_s.",
    )
    priority: Priority = Field(
        default="normal", description="high is served first; low waits for the others, but never for ever."
    )
    retention_s: int | None = Field(
        default=None,
        ge=LEAST_RETENTION_S,
        le=LONGEST_RETENTION_S,
        description="Seconds after the job's end for which prompt, seed image and output are kept. Default: the "
        "server's, 24 hours unless configured. The certificate is kept for 30 days, without them.",
    )
    cancel_on_disconnect: bool = Field(
        default=False,
        description="Cancel the job when the client goes away while it waits for it or follows it, unless another "
        "request waits for the same job. It ends at the next batch boundary.",
    )
    seed: int | None = Field(
        default=None,
        ge=0,
        lt=CLIENT_SEED_LIMIT,
        description="Reproduces a run. A seed the client knows weakens the statement; the certificate says so.",
    )

    @property
    def context_digest(self) -> str | None:
        """Returns "sha256:<hex>" over the passages as canonical JSON; None without any."""
        if self.context is None:
            return None
        return f"sha256:{hashlib.sha256(canonical(self.context).encode()).hexdigest()}"
