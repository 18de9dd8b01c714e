"""From a valid request to a job: the checks that need the model's card, and everything the server decides."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

from smoothgen.certificates.bounds.bands import LEAST_ALPHA
from smoothgen.certificates.bounds.rounding import complement
from smoothgen.certificates.fleet.subject import CENTRE_SLACK, MOST_NUMBERS
from smoothgen.certificates.sigma_selection import require_selectable
from smoothgen.contracts import (
    DEFAULT_RETENTION_S,
    EDITS,
    LEAST_SIGMA,
    MOST_SIGMA,
    SAMPLES,
    UNNOISED,
    CountedAs,
    Edits,
    FleetPool,
    GenerateRequest,
    ImageParameters,
    JobSpec,
    Label,
    Metric,
    MetricCard,
    ModelCard,
    PartitionCard,
    PluginMetric,
    Robustness,
    VisionChord,
    metric_with_defaults,
    name_on_card,
    read_parameters,
)
from smoothgen.contracts.adapting import not_differentiable
from smoothgen.contracts.metrics import can_be_calibrated
from smoothgen.errors import InvalidAlpha, InvalidBudget, InvalidInput, InvalidTolerance, UnknownName
from smoothgen.labels import extractor
from smoothgen.noise import Seed
from smoothgen.planning.claims import require_claims
from smoothgen.planning.images import EMBEDDING, IMG2IMG, plan_image
from smoothgen.planning.keeping import asks_for_majority, keep_of
from smoothgen.planning.mechanism import mechanism_of
from smoothgen.planning.peek import peek_of
from smoothgen.planning.refusing import refuse_given
from smoothgen.planning.samples import require_samples_asked
from smoothgen.planning.snap import require_snappable, snaps
from smoothgen.planning.synonyms import plan_partition, pooled_mechanism
from smoothgen.planning.turns import require_turns_attackable
from smoothgen.planning.units import plan_units, require_units_fit
from smoothgen.planning.unnoised import require_no_noise, require_readable_embeddings
from smoothgen.queue import ANYONE, new_id

_DEFAULT_TOLERANCE = 0.1  # of the metric's diameter


@dataclass(frozen=True)
class Submission:
    """Where a request came from, and when: what is known of a job beside the request itself.

    tenant: whose key it carried. retention_s: how long content is kept where the request does not say. submitted_ms:
    now, by the clock that deadlines are compared by, in Unix milliseconds (None: this machine's). request_id: goes with
    the job to its worker's log. traceparent: the span under which those of the job's workers hang, None: not traced.
    counted_as: the names of tenant and key in metrics, None: not named there.
    """

    tenant: str = ANYONE
    retention_s: int = DEFAULT_RETENTION_S
    submitted_ms: int | None = None
    request_id: str | None = None
    traceparent: str | None = None
    counted_as: CountedAs | None = None


HERE_AND_NOW: Final = Submission()


def plan(
    request: GenerateRequest, card: ModelCard, *, max_samples: int, submission: Submission = HERE_AND_NOW
) -> JobSpec:
    """Returns the job of a request, with σ, metric, tolerance and seed decided.

    Raises InvalidInput naming the field, the value and the remedy, and pydantic.ValidationError for parameters the
    model's modality does not know.
    """
    mechanism = mechanism_of(request, card, noisy_output=asks_for_majority(request) or request.output == SAMPLES)
    require_units_fit(request, mechanism)
    edits = request.robustness.edits or (Edits() if mechanism == EDITS else None)
    snap = snaps(request.robustness, mechanism, card)
    robustness = request.robustness.model_copy(update={"mechanism": mechanism, "edits": edits, "snap": snap})
    request = request.model_copy(update={"robustness": robustness})
    if robustness.samples > max_samples:
        raise InvalidInput(
            f"samples={robustness.samples} is beyond this server's limit of {max_samples}",
            field="robustness.samples",
        )
    if not LEAST_ALPHA <= complement(robustness.confidence) < 1:
        raise InvalidAlpha(
            f"confidence={robustness.confidence!r} is closer to 0 or to 1 than {LEAST_ALPHA:g}; ask for one further "
            "from both, such as 0.999",
            field="robustness.confidence",
        )
    _require_confidence_to_adapt(robustness)
    parameters = read_parameters(card.modality, request.parameters)
    if isinstance(parameters, ImageParameters):
        parameters = plan_image(parameters, robustness, card)
    require_readable_embeddings(robustness, parameters)
    require_turns_attackable(robustness, parameters)
    require_no_noise(robustness, parameters)
    require_snappable(robustness, card)
    claims = require_claims(robustness, card)
    require_samples_asked(request)
    _require_probed_embedding(robustness)
    _require_differentiable(robustness, card)
    partition = plan_partition(robustness, card)
    metric, metric_card = _metric(request, card)
    tolerance = _tolerance(robustness.tolerance, metric, metric_card)
    robustness = robustness.model_copy(update={"keep": keep_of(request, robustness, metric)})
    request = request.model_copy(update={"robustness": robustness})
    sigma = _sigma(request, card, metric_card)
    request, units = plan_units(request, mechanism, metric, tolerance, diameter_of(metric, metric_card), claims)
    seed = Seed.fresh() if request.seed is None else Seed.from_client(request.seed)
    return JobSpec(
        id=new_id(card.id, submission.tenant),
        request=request.model_copy(update={"parameters": {}}),
        parameters=parameters,
        sigma=sigma,
        metric=metric,
        tolerance=tolerance,
        seed=str(seed),
        seed_origin=seed.origin,
        submitted_ms=int(time.time() * 1000) if submission.submitted_ms is None else submission.submitted_ms,
        tenant=submission.tenant,
        retention_s=submission.retention_s if request.retention_s is None else request.retention_s,
        pool=_pool(request, card, metric, metric_card, sigma, partition) if robustness.tier == "fleet" else None,
        partition=None if partition is None else partition.digest,
        request_id=submission.request_id,
        traceparent=submission.traceparent,
        counted_as=submission.counted_as,
        units=units,
        peek=peek_of(robustness, metric, all_samples=request.output == SAMPLES),
    )


def _require_confidence_to_adapt(robustness: Robustness) -> None:
    """Raises InvalidAlpha here, before hundreds of draws, where no selection of σ could have so much confidence."""
    if robustness.adapt != "prompt":
        return
    try:
        require_selectable(complement(robustness.confidence))
    except InvalidAlpha as error:
        raise InvalidAlpha(
            f"confidence={robustness.confidence!r} is too close to 1 for adapt='prompt', which splits what is left "
            "of it once more; ask for a confidence such as 0.999, or leave adapt out",
            field="robustness.confidence",
        ) from error


def _require_differentiable(robustness: Robustness, card: ModelCard) -> None:
    """Raises InvalidInput for an estimate by autodiff where the model's worker says that it gives none."""
    if robustness.lipschitz_estimate == "autodiff" and card.differentiable is False:
        raise not_differentiable(card.id)


def _pool(
    request: GenerateRequest,
    card: ModelCard,
    metric: Metric,
    metric_card: MetricCard,
    sigma: float | None,
    partition: PartitionCard | None,
) -> FleetPool:
    """Returns the requests this one's distance may be averaged with: one model, one noise, one metric."""
    robustness = request.robustness
    if isinstance(metric, PluginMetric):
        raise InvalidInput(
            f"metric plug-in {metric.plugin!r} with tier 'fleet': a pool averages distances of many workers over days, "
            "and does not tell which version of the plug-in measured them; use a metric in the box, or tier 'request'",
            field="robustness.metric",
        )
    if robustness.mechanism != EMBEDDING or sigma is None:
        raise InvalidInput(
            f"tier 'fleet' pools requests under one noise on the embedding, not under mechanism "
            f"{robustness.mechanism!r}; use mechanism {EMBEDDING!r}, or tier 'request'",
            field="robustness.tier",
        )
    if request.seed is not None:
        raise InvalidInput(
            f"seed={request.seed!r} with tier 'fleet': a fleet certificate rests on draws nobody could choose; leave "
            "the seed out, or use tier 'request'",
            field="seed",
        )
    return FleetPool(
        model=card.id,
        digest=card.digest,
        mechanism=pooled_mechanism(sigma, partition).to_dict(),
        metric=metric.model_dump(mode="json", exclude_none=True),
        diameter=diameter_of(metric, metric_card) * CENTRE_SLACK,
        randomness=robustness.randomness,
        largest_dimension=min(card.largest_dimension or MOST_NUMBERS, MOST_NUMBERS),
        snap=card.snap_table if robustness.snap else None,
    )


def _metric(request: GenerateRequest, card: ModelCard) -> tuple[Metric, MetricCard]:
    asked = request.robustness.metric
    name = card.metrics[0].name if asked is None else name_on_card(asked)
    metric_card = card.metric(name)
    if metric_card is None:
        raise UnknownName("metric of this model", name, [m.name for m in card.metrics], field="robustness.metric")
    if isinstance(asked, Label):
        extractor(asked.extract.model_dump())  # refuses a pattern RE2 does not take, before anything is queued
    if isinstance(asked, VisionChord) and asked.model not in (metric_card.models or []):
        raise UnknownName("vision model here", asked.model, metric_card.models or [], field="robustness.metric.model")
    return (asked if asked is not None else metric_with_defaults(name)), metric_card


def _sigma(request: GenerateRequest, card: ModelCard, metric: MetricCard) -> float | None:
    robustness = request.robustness
    if robustness.mechanism == IMG2IMG or robustness.mechanism in UNNOISED:  # the pipeline's own noise, and none
        return None
    if robustness.budget is None:
        on_embedding = card.default_snapped_sigma if robustness.snap else card.default_sigma
        default = card.default_betas.get(str(robustness.mechanism), on_embedding)
        return robustness.sigma if robustness.sigma is not None else default
    if robustness.mechanism != EMBEDDING:
        raise InvalidBudget(
            f"budget={robustness.budget!r} cannot be served with mechanism {robustness.mechanism!r}: models are "
            f"calibrated for {EMBEDDING!r} only; give robustness.sigma, or leave the mechanism out",
            field="robustness.budget",
        )
    if metric.calibration is None:
        remedy = "give robustness.sigma"
        if can_be_calibrated(metric.name):
            remedy += (
                f", or calibrate it: `smoothgen calibrate --model ENTRY --metric {metric.name} --prompts FILE`, ENTRY "
                f"as SMOOTHGEN_MODELS of its worker has it ({card.id}=SOURCE under a name of its own), and start the "
                "worker with the folder in SMOOTHGEN_CALIBRATIONS"
            )
        calibrated = [m.name for m in card.metrics if m.calibration is not None]
        raise InvalidBudget(
            f"budget={robustness.budget!r} cannot be served: model {card.id!r} has no calibration for metric "
            f"{metric.name!r} (calibrated: {', '.join(calibrated) or 'none'}); {remedy}",
            field="robustness.budget",
        )
    sigma = metric.calibration.sigma_for(robustness.budget)
    if not LEAST_SIGMA <= sigma <= MOST_SIGMA:
        raise InvalidBudget(
            f"budget={robustness.budget!r} asks for noise of level {sigma:.3g}, outside {LEAST_SIGMA:g} to "
            f"{MOST_SIGMA:g}; ask for " + ("more" if sigma < LEAST_SIGMA else "less"),
            field="robustness.budget",
        )
    return sigma


def _require_probed_embedding(robustness: Robustness) -> None:
    """Raises InvalidInput where sensitivity would be probed elsewhere than on the prompt embedding."""
    if robustness.mechanism == EMBEDDING:
        return
    refuse_given(
        robustness,
        ("adapt", "lipschitz_estimate"),
        lambda name: (
            f"probes the prompt embedding with equal noise on all of it, and mechanism {robustness.mechanism!r} noises "
            f"otherwise; use mechanism {EMBEDDING!r}, or leave {name} out"
        ),
    )


def diameter_of(metric: Metric, card: MetricCard) -> float:
    """Returns D, the largest distance of a metric under its cap, metric units."""
    return min(card.diameter, getattr(metric, "cap", None) or card.diameter)


def _tolerance(asked: float | None, metric: Metric, card: MetricCard) -> float:
    diameter = diameter_of(metric, card)
    tolerance = _DEFAULT_TOLERANCE * diameter if asked is None else asked
    if not 0 < tolerance < diameter:
        raise InvalidTolerance(
            f"tolerance={tolerance!r} must lie strictly between 0 and {diameter!r}, the diameter of metric "
            f"{card.name!r}; at the diameter the claim is empty",
            field="robustness.tolerance",
        )
    return tolerance
