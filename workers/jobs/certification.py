"""From a job's opening and distances to what is stored: a look's decision, and the result. No model, no Redis.

Any worker can do this for any job, whoever drew the samples: everything is in the spec, the opening and the distances.
"""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from smoothgen.certificates import (
    Abstention,
    Certificate,
    Evidence,
    Lipschitz,
    LookPlan,
    Provenance,
    SigmaSelection,
    Terms,
    remaining_alpha,
    selection_alpha,
    to_document,
)
from smoothgen.certificates.bounds.rounding import complement
from smoothgen.certificates.stopping.decide import LookResult, at_deadline, futile_from_the_start, take_look
from smoothgen.certificates.universal import certify_without_samples
from smoothgen.contracts import (
    AbstentionView,
    FleetView,
    JobResult,
    JobSpec,
    ModelRef,
    Note,
    Selection,
    Usage,
    windows_of,
)
from smoothgen.errors import GenerationFailed
from smoothgen.mechanisms import mechanism_from_dict
from workers.jobs.notes import note_on_certificate
from workers.jobs.selection import Selected

NONE_DRAWN: NDArray[np.float64] = np.zeros(0)


def plan_of(spec: JobSpec) -> LookPlan:
    """When the job looks at its samples: doubling where something may stop it early, once at the end where nothing may.

    Fixed by the request alone, before any sample is drawn. A selection of σ has spent its share.
    """
    robustness = spec.request.robustness
    alpha = complement(robustness.confidence)
    if robustness.adapt == "prompt":
        alpha = remaining_alpha(alpha, selection_alpha(alpha))
    may_stop = (robustness.epsilon, robustness.radius_tolerance, robustness.deadline_s)
    if any(reason is not None for reason in may_stop):
        return LookPlan.doubling(robustness.samples, alpha)
    return LookPlan.single(robustness.samples, alpha)


def after_selection(spec: JobSpec, opened: Selected) -> JobResult | None:
    """The result where certification samples cannot change it: tiers without any, and what is hopeless at once."""
    robustness, sensed = spec.request.robustness, opened.sensed
    if sensed.abstention is not None:
        # Its output was drawn at the job's own level: shown, and never called certified.
        return result_of(spec, opened, sensed.abstention, NONE_DRAWN, opened.device_s)
    terms = Terms(
        mechanism=opened.condition.mechanism,
        alpha=complement(robustness.confidence),
        tolerance=spec.tolerance,
        epsilon=robustness.epsilon,
        band=opened.metric.band,
        provenance=opened.provenance,
        plan=None if robustness.tier != "request" else plan_of(spec),
        sigma_selection=sensed.selection,
        lipschitz=opened.lipschitz,
        rounding_slack=opened.condition.rounding_slack,
    )
    if robustness.tier != "request":
        outcome = certify_without_samples(opened.metric.diameter, terms)
        return result_of(spec, opened, outcome, NONE_DRAWN, opened.device_s)
    hopeless = futile_from_the_start(terms, bound=opened.bound, diameter=opened.metric.diameter)
    return None if hopeless is None else result_of(spec, opened, hopeless, NONE_DRAWN, opened.device_s)


def look_at(spec: JobSpec, opening: Selection, distances: NDArray[np.float64], failure: str) -> LookResult:
    """What the look at these distances decides, shape (n,), NaN where a sample failed.

    Raises GenerationFailed where every sample of the last look failed; `failure` says why the last one did.
    """
    plan = plan_of(spec)
    if np.isnan(distances).all() and len(distances) == plan.sizes[-1]:
        raise GenerationFailed(
            f"all {len(distances)} certification samples failed, the last with {failure or 'NaN features'}; "
            "try a smaller sigma, or another prompt"
        )
    evidence = Evidence.from_measurements(distances, bound=opening.bound, diameter=opening.diameter)
    return take_look(evidence, _terms_of(spec, opening), radius_tolerance=spec.request.robustness.radius_tolerance)


def at_the_deadline(
    spec: JobSpec, opening: Selection, distances: NDArray[np.float64], failure: str, device_s: float
) -> JobResult:
    """The result with the samples there are: the last look that is complete, or the bound that needs none."""
    looks = [size for size in plan_of(spec).sizes if size <= len(distances)]
    outcome = look_at(spec, opening, distances[: looks[-1]], failure).outcome if looks else None
    if outcome is None:
        outcome = certify_without_samples(opening.diameter, _terms_of(spec, opening))
    return result_of(spec, opening, at_deadline(outcome), distances, device_s)


def proven_so_far(spec: JobSpec, outcome: Certificate | Abstention) -> tuple[float, float]:
    """Radius and W₁ bound (at the asked epsilon) of a look, for progress."""
    if isinstance(outcome, Certificate):
        return outcome.radius, outcome.claims.w1_bound
    radius = max((e for e, bound in outcome.curve if bound <= spec.tolerance), default=0.0)
    epsilon = spec.request.robustness.epsilon
    return radius, next((bound for e, bound in outcome.curve if e == epsilon), float(spec.tolerance))


def result_of(
    spec: JobSpec,
    opening: Selection | Selected,
    outcome: Certificate | Abstention,
    drawn: NDArray[np.float64],
    device_s: float,
) -> JobResult:
    """What is stored and answered. `drawn`: all certification distances that were paid for."""
    certified = isinstance(outcome, Certificate)
    notes = [*(opening.notes or []), *_note_on(outcome)]
    return JobResult(
        model=_model_of(opening),
        output=opening.output.model_copy(update={"certified": certified}),
        notes=notes or None,
        certificate=_document(outcome, spec) if isinstance(outcome, Certificate) else None,
        abstention=_abstention(outcome) if isinstance(outcome, Abstention) else None,
        lipschitz_estimate=opening.lipschitz_estimate,
        fleet=None if spec.pool is None else FleetView(pool=spec.pool.id, windows=windows_of(spec.submitted_ms)),
        usage=Usage(
            samples=len(drawn),
            device_s=round(device_s, 3),
            queued_s=opening.queued_s,
            overhead=opening.generations + len(drawn),
        ),
    )


def _terms_of(spec: JobSpec, opening: Selection) -> Terms:
    """Returns what a stored selection is certified under."""
    return Terms(
        mechanism=mechanism_from_dict(opening.mechanism),
        alpha=complement(spec.request.robustness.confidence),
        tolerance=spec.tolerance,
        epsilon=spec.request.robustness.epsilon,
        band=opening.band,
        provenance=Provenance.from_dict(opening.provenance),
        plan=plan_of(spec),
        sigma_selection=_selection(opening),
        lipschitz=_lipschitz(opening),
        rounding_slack=opening.rounding_slack,
    )


def _note_on(outcome: Certificate | Abstention) -> list[Note]:
    if not isinstance(outcome, Certificate) or not outcome.evidence.samples:
        return []
    without = certify_without_samples(outcome.evidence.diameter, outcome.terms)
    return note_on_certificate(outcome, without)


def _model_of(opening: Selection | Selected) -> ModelRef:
    if isinstance(opening, Selected):
        return ModelRef(name=opening.model.name, revision=opening.model.revision, digest=opening.model.digest)
    return ModelRef(**opening.provenance["model"])


def _selection(opening: Selection) -> SigmaSelection | None:
    return None if opening.sigma_selection is None else SigmaSelection.from_dict(opening.sigma_selection)


def _lipschitz(opening: Selection) -> Lipschitz | None:
    return None if opening.lipschitz is None else Lipschitz.from_dict(opening.lipschitz)


def _document(certificate: Certificate, spec: JobSpec) -> dict[str, object]:
    # The time of the request, not of this run: a job run twice must give one certificate.
    requested_at = datetime.fromtimestamp(spec.submitted_ms / 1000, UTC).isoformat(timespec="milliseconds")
    return to_document(certificate.identified(spec.id, requested_at))


def _abstention(outcome: Abstention) -> AbstentionView:
    return AbstentionView(reason=outcome.reason, detail=outcome.detail, curve=list(outcome.curve))
