"""What a job's answer is worth, beside its certificate: the decision, the agreement, the gain and the scale."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from smoothgen.certificates import (
    Abstention,
    Certificate,
    EditsCertificate,
    ExhaustiveCertificate,
    Provenance,
    UnitsCertificate,
)
from smoothgen.certificates.bounds.bands import TWO_VALUED
from smoothgen.certificates.format.score_claims import asked_from_dict
from smoothgen.certificates.format.sentences import answer_as_subject
from smoothgen.certificates.meaning.metrics import METRICS
from smoothgen.certificates.meaning.quoting import quoted
from smoothgen.certificates.meaning.sections import LEAST_MAJORITY, MAJORITY
from smoothgen.certificates.score_claims import AskedClaim
from smoothgen.contracts import Agreement, Decision, JobSpec, Scale, Selection, Worth
from workers.jobs.decided_claims import Outcome, decision_on

_DIGITS = 6


def worth_under_noise(
    spec: JobSpec,
    about: Provenance,
    outcome: Certificate | Abstention,
    without: Certificate | Abstention | None,
    drawn: NDArray[np.float64],
    claims: Sequence[AskedClaim] = (),
    nearest_synonym: float | None = None,
) -> Worth:
    """Returns the worth of an answer that was sampled.

    about: model, metric and threat, as a certificate states them. without: what holds without a sample, None where it
    was not computed. drawn: all distances that were paid for, metric units, shape (n,). claims: those on scores.
    nearest_synonym: the norm that leads to the nearest text with one word swapped for a synonym, where it is known.
    """
    threat = about.threat
    return Worth(
        decision=_decided(spec, _claim(spec, about), outcome, claims),
        agreement=_agreement(spec, about, drawn),
        gain_over_universal=_gain(spec, outcome, without),
        scale=None
        if threat is None
        else Scale(noise_norm=threat.noise_norm, embedding_norm=threat.embedding_norm, nearest_synonym=nearest_synonym),
    )


def worth_of_runs(
    spec: JobSpec,
    selection: Selection,
    outcome: ExhaustiveCertificate | EditsCertificate | UnitsCertificate | Abstention,
) -> Worth:
    """Returns the worth of an answer that was compared with those to other prompts."""
    if isinstance(outcome, UnitsCertificate) or spec.units is not None:
        return _worth_of_units(spec, selection, outcome)
    if isinstance(outcome, EditsCertificate) or selection.edits is not None:
        return _worth_of_edits(spec, selection, outcome)
    nearest = None if selection.neighbours is None else next(iter(selection.neighbours.cost_array.tolist()), None)
    return Worth(
        decision=_decided(spec, _unmoved(spec, selection), outcome, _claims(selection)),
        scale=None if nearest is None else Scale(nearest_cost=nearest, nearest_synonym=selection.nearest_synonym),
    )


def _worth_of_edits(
    spec: JobSpec, selection: Selection, outcome: ExhaustiveCertificate | EditsCertificate | Abstention
) -> Worth:
    """Returns the worth of an answer under edits. A sample of them proves nothing of the others, so nothing holds."""
    edits = spec.request.robustness.edits
    at_once = 1 if edits is None else edits.at_once
    few = "one edit" if at_once == 1 else f"{at_once} edits"
    return Worth(
        decision=decision_on(
            f"{_unmoved(spec, selection)} under {few} of the set",
            outcome,
            at_once,
            _claims(selection),
            asks_shift=spec.request.robustness.asks_shift,
            counted=True,
        )
    )


def _worth_of_units(
    spec: JobSpec,
    selection: Selection,
    outcome: ExhaustiveCertificate | EditsCertificate | UnitsCertificate | Abstention,
) -> Worth:
    """Returns the worth of an answer of runs that read some of the units."""
    agreement = None
    if isinstance(outcome, UnitsCertificate) and outcome.claims.kept is not None:
        label = selection.centre.get("label")
        agreement = Agreement(answer=label, of=outcome.claims.kept, runs=outcome.evidence.samples)
    return Worth(
        decision=decision_on(
            _claim(spec, Provenance.from_dict(selection.provenance)),
            outcome,
            None if spec.units is None else spec.units.altered,
            _claims(selection),
            asks_shift=spec.request.robustness.asks_shift,
            counted=True,
        ),
        agreement=agreement,
    )


def _decided(spec: JobSpec, own: str, outcome: Outcome, claims: Sequence[AskedClaim]) -> Decision:
    """Returns the decision on claims whose radii are norms."""
    robustness = spec.request.robustness
    return decision_on(own, outcome, robustness.epsilon, claims, asks_shift=robustness.asks_shift)


def _claims(selection: Selection) -> tuple[AskedClaim, ...]:
    return tuple(map(asked_from_dict, selection.claims or ()))


def _claim(spec: JobSpec, about: Provenance) -> str:
    keep = spec.request.robustness.keep
    if keep is None:
        return f"the distribution of outputs moves by at most {spec.tolerance!r} in Wasserstein-1"
    answered = answer_as_subject(about.metric)
    kept = f"{answered} keeps a share of at least {keep!r} of the outputs"
    if spec.request.output != MAJORITY:
        return kept
    return f"{answered} keeps its majority" if keep == LEAST_MAJORITY else f"{kept}, and with it its majority"


def _unmoved(spec: JobSpec, selection: Selection) -> str:
    if not _compares_answers(spec):
        return f"the output stays within {spec.tolerance!r} of the prompt's own"
    label = selection.centre.get("label")
    return "the absence of an answer stays" if label is None else f"the answer {quoted(str(label))} stays"


def _compares_answers(spec: JobSpec) -> bool:
    known = METRICS.get(spec.metric.name)
    return known is not None and known.band == TWO_VALUED.name


def _agreement(spec: JobSpec, about: Provenance, drawn: NDArray[np.float64]) -> Agreement | None:
    if not _compares_answers(spec) or not len(drawn) or about.metric is None or "label" not in about.metric.centre:
        return None
    return Agreement(answer=about.metric.centre["label"], of=int(np.count_nonzero(drawn == 0)), runs=len(drawn))


def _gain(spec: JobSpec, outcome: Certificate | Abstention, without: Certificate | Abstention | None) -> float | None:
    radius, universal = outcome.radius, None if without is None else without.radius
    if spec.request.robustness.keep is not None or not radius or not universal:
        return None
    return round(radius / universal, _DIGITS)
