"""The noise and the terms of a planned job, as far as they are known before a worker has read the prompt."""

from __future__ import annotations

from smoothgen.certificates import Lipschitz, LookPlan, Terms
from smoothgen.certificates.bounds.bands import ORDER_STATISTICS
from smoothgen.certificates.bounds.rounding import complement
from smoothgen.certificates.meaning.metrics import METRICS
from smoothgen.certificates.score_claims import claim_share
from smoothgen.contracts import (
    EMBEDDING_PER_STEP,
    LATENT_SCHEDULE,
    ImageParameters,
    JobSpec,
    ModelCard,
    Robustness,
    look_plan,
)
from smoothgen.mechanisms import GaussianPerStep, LatentSchedule, Mechanism
from smoothgen.planning.synonyms import pooled_mechanism


def planned_terms(spec: JobSpec, card: ModelCard) -> Terms | None:
    """Returns the terms that a job of noise is certified under, None where the noise is not known yet.

    What is known later is left out: how far the noise that is computed is from ideal noise, and the selection of a
    sigma for the prompt. Claims on scores are too, and an epsilon that asks for them alone.
    """
    mechanism, robustness = planned_noise(spec, card), spec.request.robustness
    if mechanism is None:
        return None
    proven = None if card.lipschitz is None else Lipschitz.from_dict(card.lipschitz)
    known = METRICS.get(spec.metric.name)
    return Terms(
        mechanism,
        alpha=complement(robustness.confidence),
        tolerance=spec.tolerance,
        epsilon=robustness.epsilon if robustness.asks_shift else None,
        band=ORDER_STATISTICS.name if known is None else known.band,
        plan=distance_looks(robustness) if robustness.tier == "request" else None,
        lipschitz=proven if proven is not None and proven.metric == spec.metric.name else None,
        keep=robustness.keep,
    )


def distance_looks(robustness: Robustness) -> LookPlan:
    """Returns when a job looks at its samples, and what each look spends on their distances: claims on scores take
    their shares."""
    looks, claims = look_plan(robustness), len(robustness.claims or ())
    return LookPlan(looks.sizes, tuple(claim_share(alpha, claims) for alpha in looks.alphas))


def planned_noise(spec: JobSpec, card: ModelCard) -> Mechanism | None:
    """Returns the noise of a job, None where it is the pipeline's own: that follows from a schedule which the worker
    reads.

    Shaped noise is given as round noise of its level: in the norm of its ellipsoid it protects alike
    (docs/theory/mechanisms.md, "The embedding, noise of a shape").
    """
    if spec.sigma is None:
        return None
    if spec.mechanism == EMBEDDING_PER_STEP:
        return GaussianPerStep(spec.sigma, _steps(spec))
    if spec.mechanism == LATENT_SCHEDULE:
        return LatentSchedule(spec.sigma, _steps(spec))
    return pooled_mechanism(spec.sigma, card.synonyms if spec.partition is not None else None)


def _steps(spec: JobSpec) -> int:
    """Returns the denoising steps, for schedulers that take no further ones."""
    parameters = spec.parameters
    if not isinstance(parameters, ImageParameters) or parameters.num_inference_steps is None:
        return 1
    steps = parameters.num_inference_steps
    return steps if parameters.strength is None else int(steps * parameters.strength)
