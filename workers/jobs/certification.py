"""Certifies a job's distances: the decision of a look, and the result that is stored. No model and no Redis.

Any worker can do this for any job, whoever drew the samples: the spec, the selection and the distances hold everything.
"""

from __future__ import annotations

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
    to_document,
)
from smoothgen.certificates.bounds.rounding import complement
from smoothgen.certificates.certify import evidence_of_scores
from smoothgen.certificates.format.score_claims import asked_from_dict
from smoothgen.certificates.score_claims import AskedClaim
from smoothgen.certificates.stopping.decide import (
    LookResult,
    adds_nothing,
    at_deadline,
    futile_from_the_start,
    take_look,
)
from smoothgen.certificates.stopping.scores import claims_out_of_reach
from smoothgen.certificates.universal import certify_without_samples
from smoothgen.contracts import (
    FleetView,
    JobResult,
    JobSpec,
    ModelRef,
    Selection,
    Usage,
    look_plan,
    windows_of,
)
from smoothgen.errors import GenerationFailed
from smoothgen.mechanisms import mechanism_from_dict
from workers.jobs.notes import note_on_certificate, note_on_fall_back, notes_on_scores
from workers.jobs.results import abstention_view, requested_at
from workers.jobs.selection import Selected
from workers.jobs.worth import worth_under_noise

NONE_DRAWN: NDArray[np.float64] = np.zeros(0)


def plan_of(spec: JobSpec) -> LookPlan:
    """Returns when the job looks at its samples, as its request fixed it."""
    return look_plan(spec.request.robustness)


def after_selection(spec: JobSpec, selected: Selected) -> JobResult | None:
    """Returns the result where certification samples cannot change it, None where they can.

    They cannot for tiers without any, nor where an asked claim is futile from the start.
    """
    robustness, sensed = spec.request.robustness, selected.sensed
    if sensed.abstention is not None:
        # Its output was drawn at the job's own level: shown, and never called certified.
        return result_of(spec, selected, sensed.abstention, NONE_DRAWN, selected.device_s)
    terms = Terms(
        mechanism=selected.condition.mechanism,
        alpha=complement(robustness.confidence),
        tolerance=spec.tolerance,
        epsilon=robustness.epsilon,
        band=selected.metric.band,
        provenance=selected.provenance,
        plan=plan_of(spec) if robustness.tier == "request" else None,
        sigma_selection=sensed.selection,
        lipschitz=selected.lipschitz,
        rounding_slack=selected.condition.rounding_slack,
        keep=robustness.keep,
        score_claims=selected.claims,
        asks_shift=robustness.asks_shift,
    )
    if robustness.tier != "request":
        outcome = certify_without_samples(selected.metric.diameter, terms)
        return result_of(spec, selected, outcome, NONE_DRAWN, selected.device_s)
    futile = claims_out_of_reach(terms, selected.scores or ())
    futile = futile or futile_from_the_start(terms, bound=selected.bound, diameter=selected.metric.diameter)
    return None if futile is None else result_of(spec, selected, futile, NONE_DRAWN, selected.device_s)


def look_at(
    spec: JobSpec,
    selection: Selection,
    distances: NDArray[np.float64],
    failure: str,
    scores: NDArray[np.float64] | None = None,
) -> LookResult:
    """Returns what the look at these distances decides.

    distances: metric units, shape (n,), NaN where a sample failed. failure: why the last of those did. scores: shape
    (n, K) for K claims on scores. Raises GenerationFailed where every sample of the last look failed, or has no score.
    """
    plan = plan_of(spec)
    if np.isnan(distances).all() and len(distances) == plan.sizes[-1]:
        raise GenerationFailed(
            f"all {len(distances)} certification samples failed, the last with {failure or 'NaN features'}; "
            "try a smaller sigma, or another prompt"
        )
    evidence = Evidence.from_measurements(distances, bound=selection.bound, diameter=selection.diameter)
    terms = _terms_of(spec, selection)
    scored = evidence_of_scores(terms.score_claims, scores, len(distances))
    for claim, series in zip(terms.score_claims, scored, strict=True):
        if series.failed == len(distances) == plan.sizes[-1]:
            raise GenerationFailed(
                f"score {claim.score.name!r} could be computed for none of {len(distances)} samples; the worker's log "
                "says why. Mend or leave out the claim"
            )
    return take_look(evidence, terms, scored, radius_tolerance=spec.request.robustness.radius_tolerance)


def universal_outcome(spec: JobSpec, selection: Selection) -> Certificate | Abstention:
    """Returns what holds for any generator under the job's noise, without a sample."""
    return certify_without_samples(selection.diameter, _terms_of(spec, selection))


def result_of_peek(
    spec: JobSpec, selection: Selection, distances: NDArray[np.float64], device_s: float
) -> JobResult | None:
    """Returns the result that holds without samples, where further ones can hardly add to it; None where they may."""
    if np.isnan(distances).all():
        return None  # the last look says why
    evidence = Evidence.from_measurements(distances, bound=selection.bound, diameter=selection.diameter)
    if not adds_nothing(evidence, _terms_of(spec, selection)):
        return None
    return result_of(spec, selection, universal_outcome(spec, selection), distances, device_s)


def result_at_deadline(
    spec: JobSpec,
    selection: Selection,
    distances: NDArray[np.float64],
    failure: str,
    device_s: float,
    scores: NDArray[np.float64] | None = None,
) -> JobResult:
    """Returns the result of a job out of time: of the last complete look, or of the bound that needs no samples."""
    looks = [size for size in plan_of(spec).sizes if size <= len(distances)]
    if looks:
        end = looks[-1]
        seen = None if scores is None else scores[:end]
        outcome = look_at(spec, selection, distances[:end], failure, seen).outcome
    else:
        outcome = universal_outcome(spec, selection)
    return result_of(spec, selection, at_deadline(outcome), distances, device_s)


def proven_so_far(spec: JobSpec, outcome: Certificate | Abstention) -> tuple[float, float]:
    """Returns the radius and the W₁ bound at the asked epsilon that a look proves, to be shown as progress."""
    if isinstance(outcome, Certificate):
        return outcome.radius, outcome.claims.w1_bound
    radius = outcome.radius or 0.0
    epsilon = spec.request.robustness.epsilon
    return radius, next((bound for e, bound in outcome.curve if e == epsilon), float(spec.tolerance))


def result_of(
    spec: JobSpec,
    selection: Selection | Selected,
    outcome: Certificate | Abstention,
    drawn: NDArray[np.float64],
    device_s: float,
) -> JobResult:
    """Returns what is stored and answered.

    drawn: all certification distances that were paid for, shape (n,). device_s: seconds of compute.
    """
    certified, about = isinstance(outcome, Certificate) and outcome.radius > 0, _about(selection)
    without = _without_samples(spec, selection, outcome, len(drawn))
    notes = list(selection.notes or [])
    if isinstance(outcome, Certificate) and outcome.score_claims:
        notes += notes_on_scores(outcome)
    elif without is not None:
        notes += note_on_certificate(outcome, without)
    elif certified and len(drawn) == spec.peek:
        notes.append(note_on_fall_back(len(drawn), spec.certification_samples))
    return JobResult(
        model=_model_of(selection),
        output=selection.output.model_copy(update={"certified": certified}),
        notes=notes or None,
        certificate=_document(outcome, spec) if isinstance(outcome, Certificate) else None,
        abstention=abstention_view(outcome),
        lipschitz_estimate=selection.lipschitz_estimate,
        **dict(
            worth_under_noise(spec, about, outcome, without, drawn, _claims_of(selection), selection.nearest_synonym)
        ),
        fleet=None if spec.pool is None else FleetView(pool=spec.pool.id, windows=windows_of(spec.submitted_ms)),
        usage=Usage(
            samples=len(drawn),
            device_s=round(device_s, 3),
            queued_s=selection.queued_s,
            overhead=selection.generations + len(drawn),
            tokens=selection.tokens,
        ),
    )


def _terms_of(spec: JobSpec, selection: Selection) -> Terms:
    """Returns what a stored selection is certified under."""
    return Terms(
        mechanism=mechanism_from_dict(selection.mechanism),
        alpha=complement(spec.request.robustness.confidence),
        tolerance=spec.tolerance,
        epsilon=spec.request.robustness.epsilon,
        band=selection.band,
        provenance=Provenance.from_dict(selection.provenance),
        plan=plan_of(spec),
        sigma_selection=_sigma_selection(selection),
        lipschitz=_lipschitz(selection),
        rounding_slack=selection.rounding_slack,
        keep=spec.request.robustness.keep,
        score_claims=_claims_of(selection),
        asks_shift=spec.request.robustness.asks_shift,
    )


def _without_samples(
    spec: JobSpec, selection: Selection | Selected, outcome: Certificate | Abstention, drawn: int
) -> Certificate | Abstention | None:
    """Returns what holds for any generator under the job's noise, None where no sample was drawn to add to it.

    Claims on scores, of which nothing holds for any generator, are left aside.
    """
    if not drawn:
        return None
    if isinstance(outcome, Certificate):
        terms = outcome.terms.of_distances_alone
        return certify_without_samples(outcome.evidence.diameter, terms) if outcome.evidence.samples else None
    stored = selection.stored if isinstance(selection, Selected) else selection
    return certify_without_samples(stored.diameter, _terms_of(spec, stored).of_distances_alone)


def _claims_of(selection: Selection | Selected) -> tuple[AskedClaim, ...]:
    """Returns the job's claims on scores."""
    if isinstance(selection, Selected):
        return selection.claims
    return tuple(map(asked_from_dict, selection.claims or ()))


def _about(selection: Selection | Selected) -> Provenance:
    if isinstance(selection, Selected):
        return selection.provenance
    return Provenance.from_dict(selection.provenance)


def _model_of(selection: Selection | Selected) -> ModelRef:
    if isinstance(selection, Selected):
        return ModelRef(name=selection.model.name, revision=selection.model.revision, digest=selection.model.digest)
    return ModelRef(**selection.provenance["model"])


def _sigma_selection(selection: Selection) -> SigmaSelection | None:
    return None if selection.sigma_selection is None else SigmaSelection.from_dict(selection.sigma_selection)


def _lipschitz(selection: Selection) -> Lipschitz | None:
    return None if selection.lipschitz is None else Lipschitz.from_dict(selection.lipschitz)


def _document(certificate: Certificate, spec: JobSpec) -> dict[str, object]:
    return to_document(certificate.identified(spec.id, requested_at(spec)))
