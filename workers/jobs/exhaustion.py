"""A job of mechanism tokens: from the list of sequences an attack can reach to a certificate. No model and no Redis.

Run k of the job is the k-th other sequence of the list, cheapest first; the prompt's own run is its selection.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from smoothgen.certificates import (
    Abstention,
    ExhaustiveCertificate,
    Provenance,
    Reason,
    certify_exhaustive,
    to_document,
)
from smoothgen.certificates.bounds.rounding import round_down
from smoothgen.certificates.exhaustive import SnapThreat
from smoothgen.certificates.format.score_claims import asked_from_dict
from smoothgen.certificates.score_claims import AskedClaim
from smoothgen.certificates.stopping.scores import failed_by_output
from smoothgen.contracts import (
    LONGEST_RETENTION_S,
    JobResult,
    JobSpec,
    ListedNeighbours,
    Neighbour,
    RunWords,
    Selection,
    looks_at_runs,
)
from smoothgen.errors import GenerationFailed
from workers.jobs.results import requested_at, result_of_runs
from workers.jobs.sampling import seed_of

Runs = NDArray[np.float64]
"""Distances of the runs to the prompt's own output, metric units, shape (runs,); NaN where a run failed."""


def looks(spec: JobSpec, selection: Selection) -> tuple[int, ...]:
    """Returns how many runs each look has: doubling, up to the last run that can change what is claimed."""
    return looks_at_runs(_runs_wanted(spec, _listed(selection)))


def without_runs(spec: JobSpec, selection: Selection, device_s: float) -> JobResult | None:
    """Returns the result where no run can change it: the prompt's own output fails a claim on a score, there is no
    sequence to run within the asked epsilon, or the list ends before it. None where runs decide."""
    listed, epsilon = _listed(selection), spec.request.robustness.epsilon
    failed = failed_by_output(_claims(selection), selection.scores or ())
    if failed is not None:
        unsafe = Abstention(Reason.RADIUS_OUT_OF_REACH, f"no run was made: {failed}", ())
        return result(spec, selection, unsafe, np.zeros(0), (), device_s)
    if epsilon is not None and listed.next_cost is not None and listed.next_cost <= epsilon:
        runs = len(listed.cost_array)
        too_far = Abstention(
            Reason.RADIUS_OUT_OF_REACH,
            f"no run was made: the {runs} nearest token sequences, all that samples={spec.request.robustness.samples} "
            f"allows, reach attacks of l2 norm strictly less than {listed.next_cost!r}, and epsilon={epsilon!r} asks "
            "for more; ask for more samples or a smaller epsilon",
            (),
        )
        return result(spec, selection, too_far, np.zeros(0), (), device_s)
    if _runs_wanted(spec, listed) == 0:
        outcome = certified(spec, selection, np.zeros(0))
        return result(spec, selection, outcome, np.zeros(0), (), device_s)
    return None


def certified(
    spec: JobSpec, selection: Selection, distances: Runs, scores: Runs | None = None
) -> ExhaustiveCertificate | Abstention:
    """Returns what the first runs of the list prove.

    distances: of the runs made, shape (runs,). scores: of them, shape (runs, K) for K claims on scores.
    """
    listed, runs = _listed(selection), len(distances)
    costs = listed.cost_array
    return certify_exhaustive(
        [0.0, *costs[:runs]],
        [0.0, *distances],
        diameter=selection.diameter,
        tolerance=spec.tolerance,
        next_cost=float(costs[runs]) if runs < len(costs) else listed.next_cost,
        epsilon=spec.request.robustness.epsilon,
        threat=SnapThreat.from_dict(listed.threat),
        provenance=Provenance.from_dict(selection.provenance),
        score_claims=_claims(selection),
        asks_shift=spec.request.robustness.asks_shift,
        keep=spec.request.robustness.keep,
        scores=_scores_of_all_runs(selection, scores),
    )


def decided(
    spec: JobSpec,
    selection: Selection,
    distances: Runs,
    outcome: ExhaustiveCertificate | Abstention,
    scores: Runs | None = None,
) -> bool:
    """Returns whether further runs would change nothing that is claimed, or hardly anything where the request says what
    counts: runs have broken every claim (with an epsilon, any claim), or all that are wanted are made."""
    if len(distances) >= looks(spec, selection)[-1]:
        return True
    epsilon = spec.request.robustness.epsilon
    asked = epsilon is None or spec.request.robustness.asks_shift
    broken = [first_breaking(distances, spec.tolerance) is not None] if asked else []
    broken += [
        any(map(claim.fails_at, column))
        for claim, column in zip(_claims(selection), () if scores is None else scores.T.tolist(), strict=True)
    ]
    if all(broken) or (epsilon is not None and any(broken)):
        return True
    settled = spec.request.robustness.radius_tolerance
    if settled is None or isinstance(outcome, Abstention):
        return False
    end = _listed(selection).next_cost  # no run enlarges the radius beyond it
    return end is not None and end <= outcome.radius * (1 + settled)


def result(
    spec: JobSpec,
    selection: Selection,
    outcome: ExhaustiveCertificate | Abstention,
    distances: Runs,
    words: Sequence[RunWords],
    device_s: float,
) -> JobResult:
    """Returns what is stored and answered. outcome: what these runs prove. device_s: seconds of compute."""
    broken_by = _breaking(spec, selection, distances, words)
    return result_of_runs(
        spec,
        selection,
        outcome,
        document=_document(outcome, spec, selection, broken_by) if isinstance(outcome, ExhaustiveCertificate) else None,
        broken_by=broken_by,
        runs=len(distances),
        device_s=device_s,
    )


def result_at_deadline(
    spec: JobSpec,
    selection: Selection,
    distances: Runs,
    words: Sequence[RunWords],
    device_s: float,
    scores: Runs | None = None,
) -> JobResult:
    """Returns the result of a job out of time: every beginning of the list proves something, but perhaps not what was
    asked, and then the reason is the deadline."""
    outcome = certified(spec, selection, distances, scores)
    if isinstance(outcome, Abstention) and not decided(spec, selection, distances, outcome, scores):
        wanted = looks(spec, selection)[-1]
        told = (
            f"the deadline passed when {len(distances)} of the {wanted} runs that decide it were made: {outcome.detail}"
        )
        outcome = replace(outcome, reason=Reason.DEADLINE, detail=told)
    return result(spec, selection, outcome, distances, words, device_s)


def first_breaking(distances: Runs, tolerance: float) -> int | None:
    """Returns the place of the first run that failed or whose bound, as a certificate prints it, is above the
    tolerance; None where there is none."""
    breaking = np.flatnonzero(~(distances <= round_down(tolerance)))
    return int(breaking[0]) if breaking.size else None


def _runs_wanted(spec: JobSpec, listed: ListedNeighbours) -> int:
    """Returns how many runs can change what is claimed: with an epsilon, those that an attack of that norm can
    reach."""
    epsilon, costs = spec.request.robustness.epsilon, listed.cost_array
    return len(costs) if epsilon is None else int(np.searchsorted(costs, epsilon, side="right"))


def _breaking(spec: JobSpec, selection: Selection, distances: Runs, words: Sequence[RunWords]) -> Neighbour | None:
    """Returns the first run that ends the claim, with its words where they are kept."""
    place = first_breaking(distances, spec.tolerance)
    if place is None:
        return None
    return Neighbour.of(
        place + 1,
        float(_listed(selection).cost_array[place]),
        float(distances[place]),
        changed=True,
        words=words[place] if place < len(words) else None,
    )


def _document(
    certificate: ExhaustiveCertificate, spec: JobSpec, selection: Selection, broken_by: Neighbour | None
) -> dict[str, object]:
    """Returns the certificate as it is stored. It names the seed of the model's own randomness where there is any, and
    the breaking prompt only where prompts are kept as long as certificates: the text of a neighbour is nearly that of
    the prompt."""
    if selection.random:
        certificate = replace(certificate, randomness=seed_of(spec))
    if broken_by is not None and certificate.claims.broken_by is not None and spec.retention_s >= LONGEST_RETENTION_S:
        certificate = replace(certificate, text=broken_by.text, output=broken_by.output)
    return to_document(certificate.identified(spec.id, requested_at(spec)))


def _claims(selection: Selection) -> tuple[AskedClaim, ...]:
    return tuple(map(asked_from_dict, selection.claims or ()))


def _scores_of_all_runs(selection: Selection, scores: Runs | None) -> Runs | None:
    """Returns the scores of the runs with those of the prompt's own output before them, None without claims."""
    if selection.scores is None:
        return None
    own = np.array([selection.scores])
    return own if scores is None else np.concatenate([own, scores])


def _listed(selection: Selection) -> ListedNeighbours:
    if selection.neighbours is None:
        raise GenerationFailed("the job's selection lists no neighbours of the prompt; send the request again")
    return selection.neighbours
