"""A job of mechanism passages or words: from the runs on subsets of its units to a certificate. No model, no Redis."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from smoothgen.certificates import Abstention, Provenance, Reason, to_document
from smoothgen.certificates.bounds.rounding import complement
from smoothgen.certificates.format.score_claims import asked_from_dict
from smoothgen.certificates.score_claims import AskedClaim
from smoothgen.certificates.stopping.scores import failed_by_output
from smoothgen.certificates.units import UnitsCertificate, UnitsThreat, certify_units
from smoothgen.certificates.units.threat import PARAMETERS, PROMPT, SELECTION, TEMPLATE, TURNS
from smoothgen.contracts import (
    JobResult,
    JobSpec,
    Label,
    Note,
    PlannedUnits,
    Selection,
    TextParameters,
    UnitsView,
    Verdict,
    looks_at_runs,
    units_look_plan,
)
from smoothgen.errors import GenerationFailed
from workers.jobs.results import requested_at, result_of_runs
from workers.jobs.sampling import seed_of
from workers.jobs.unit_runs import certification_runs

Runs = NDArray[np.float64]
"""Distances of the runs to the job's centre, metric units, shape (runs,); NaN where a run failed."""


def looks(spec: JobSpec) -> tuple[int, ...]:
    """Returns how many runs each look has. Without an asked number of altered units nothing makes a run needless."""
    units = units_of(spec)
    if units.draws is not None:
        planned = certification_runs(units, seed_of(spec))
        return tuple(sorted({planned.needed(draws) for draws in units_look_plan(spec.request.robustness).sizes}))
    last = spec.certification_samples
    return looks_at_runs(last) if units.altered is not None else (last,)


def without_runs(spec: JobSpec, selection: Selection, device_s: float) -> JobResult | None:
    """Returns the result where the output that is served fails a claim on a score, None where runs decide."""
    failed = failed_by_output(claims_of(selection), selection.scores or ())
    if failed is None:
        return None
    unsafe = Abstention(Reason.RADIUS_OUT_OF_REACH, f"no run was made: {failed}", ())
    return result(spec, selection, unsafe, np.zeros(0), device_s)


def certified(
    spec: JobSpec, selection: Selection, runs: Runs, scores: Runs | None = None
) -> UnitsCertificate | Abstention | None:
    """Returns what the first runs prove; None where there are none, and where subsets are drawn and the first look is
    not complete.

    runs: distances, shape (runs,). scores: of the runs, shape (runs, K) for K claims on scores.

    Where every subset is to be run, those that were not count as the worst distance, which is a claim that holds. Where
    they are drawn, the draws of the largest look that is complete count, and no others: how many more there are may
    depend on what they said.
    """
    units, robustness = units_of(spec), spec.request.robustness
    seed, plan, distances = None, None, runs
    if not len(runs):
        return None
    if units.draws is not None:
        seed, plan = seed_of(spec), units_look_plan(robustness)
        planned = certification_runs(units, seed)
        whole = [draws for draws in plan.sizes if planned.needed(draws) <= len(runs)]
        if not whole or planned.of_draws is None:
            return None
        draws = planned.of_draws[: whole[-1]]
        distances, scores = runs[draws], None if scores is None else scores[draws]
    return certify_units(
        distances,
        choice=units.choice,
        seed=seed,
        bound=selection.bound,
        diameter=selection.diameter,
        tolerance=spec.tolerance if robustness.keep is None else None,
        alpha=0.0 if seed is None else complement(robustness.confidence),
        two_valued=isinstance(spec.metric, Label | Verdict),
        altered=units.altered,
        keep=robustness.keep,
        plan=plan,
        missing="worst",
        threat=_threat(spec),
        provenance=Provenance.from_dict(selection.provenance),
        score_claims=claims_of(selection),
        scores=scores,
        asks_shift=robustness.asks_shift,
    )


def decided(
    spec: JobSpec,
    selection: Selection,
    runs: Runs,
    outcome: UnitsCertificate | Abstention | None,
    scores: Runs | None = None,
) -> bool:
    """Returns whether further runs can change nothing of what was asked: all are made, the asked claim is proven, or it
    would not be if all others gave the centre's output and the best scores."""
    left = looks(spec)[-1] - len(runs)
    if left <= 0:
        return True
    if units_of(spec).altered is None:
        return False
    if isinstance(outcome, UnitsCertificate):
        return True
    best = None if scores is None else np.tile([claim.best for claim in claims_of(selection)], (left, 1))
    hoped = None if scores is None or best is None else np.concatenate([scores, best])
    return isinstance(certified(spec, selection, np.concatenate([runs, np.zeros(left)]), hoped), Abstention)


def result(
    spec: JobSpec, selection: Selection, outcome: UnitsCertificate | Abstention, runs: Runs, device_s: float
) -> JobResult:
    """Returns what is stored and answered. outcome: what these runs prove. device_s: seconds of compute."""
    document = None
    if isinstance(outcome, UnitsCertificate):
        document = to_document(outcome.identified(spec.id, requested_at(spec)))
    made = result_of_runs(
        spec, selection, outcome, document=document, broken_by=None, runs=len(runs), device_s=device_s
    )
    units = units_of(spec)
    view = UnitsView(
        **units.model_dump(exclude={"draws"}), enumerated=units.enumerated, run=len(runs), reason=reason_for(units)
    )
    proven = isinstance(outcome, UnitsCertificate) and outcome.radius > 0
    output = selection.output.model_copy(update={"certified": proven})
    notes = [*(made.notes or []), *_note_on(outcome)]
    return made.model_copy(update={"output": output, "notes": notes or None, "units": view})


def _note_on(outcome: UnitsCertificate | Abstention) -> list[Note]:
    """Returns the note on a bound on W₁ that the runs did not lower: no run can, where it is about answers."""
    if not isinstance(outcome, UnitsCertificate) or outcome.keep is not None or not outcome.radius:
        return []
    altered = outcome.radius if outcome.altered is None else outcome.altered
    whatever = outcome.choice.touched(altered) * outcome.evidence.diameter
    if outcome.bound_for(altered).w1_bound < whatever:
        return []
    detail = (
        f"the runs added nothing: with {altered} altered, the bound {outcome.claims.w1_bound!r} is what holds for any "
        "outputs whatever, as so few runs read an altered unit. A claim that the answer keeps a share of the runs "
        "(metric label, and keep) tells what the model says"
    )
    return [Note(code="samples_added_nothing", detail=detail)]


def result_at_deadline(
    spec: JobSpec, selection: Selection, runs: Runs, device_s: float, scores: Runs | None = None
) -> JobResult:
    """Returns the result of a job out of time: of the subsets that were run, the others counted as lost; where they
    are drawn, of the last complete look."""
    outcome = certified(spec, selection, runs, scores)
    made = f"the deadline passed when {len(runs)} of {looks(spec)[-1]} runs were made"
    if outcome is None:
        outcome = Abstention(
            Reason.DEADLINE,
            f"{made}, and the first claim takes {1 if units_of(spec).enumerated else looks(spec)[0]}; give more time",
        )
    elif isinstance(outcome, Abstention) and not decided(spec, selection, runs, outcome, scores):
        outcome = Abstention(Reason.DEADLINE, f"{made}: {outcome.detail}", outcome.curve)
    return result(spec, selection, outcome, runs, device_s)


def _threat(spec: JobSpec) -> UnitsThreat:
    """Returns what may be altered, and what around it no attack touches."""
    around: tuple[str, ...] = ()
    if isinstance(spec.parameters, TextParameters):
        around += (TEMPLATE,) if spec.parameters.chat else ()
        around += (TURNS,) if spec.parameters.history is not None else ()
    return UnitsThreat(spec.mechanism, (PROMPT, *around, PARAMETERS, SELECTION))


def reason_for(units: PlannedUnits) -> str:
    """Returns why a run keeps so many units, in words."""
    kept = (
        f"every run keeps {units.size} of {units.units}"
        if units.size is not None
        else f"every run keeps each of {units.units} with probability {units.probability!r}"
    )
    if units.chosen == "request":
        return f"{kept}, as the request says"
    altered = 1 if units.altered is None else units.altered
    return (
        f"{kept}: the most for which {altered} altered could be proven if every run kept the answer. Fewer let more "
        "altered units be proven, and more tell the model more"
    )


def claims_of(selection: Selection) -> tuple[AskedClaim, ...]:
    """Returns the job's claims on scores."""
    return tuple(map(asked_from_dict, selection.claims or ()))


def units_of(spec: JobSpec) -> PlannedUnits:
    """Returns how the job's runs choose among its units. Raises GenerationFailed for a job planned without."""
    if spec.units is None:
        raise GenerationFailed("the job was planned without units; send the request again")
    return spec.units
