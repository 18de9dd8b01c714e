"""A job of mechanism edits: from the runs on a set of edits to a certificate. No model and no Redis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from smoothgen.certificates import Abstention, EditsCertificate, Provenance, Reason, certify_edits, to_document
from smoothgen.certificates.bounds.rounding import complement, round_down
from smoothgen.certificates.edits import EditSetIdentity
from smoothgen.certificates.format.score_claims import asked_from_dict
from smoothgen.certificates.score_claims import AskedClaim
from smoothgen.certificates.stopping.scores import failed_by_output
from smoothgen.contracts import (
    LONGEST_RETENTION_S,
    LONGEST_WORDS,
    JobResult,
    JobSpec,
    ListedEdits,
    Neighbour,
    RunWords,
    Selection,
)
from smoothgen.errors import GenerationFailed
from workers.jobs.edit_runs import PlannedRuns, planned_runs
from workers.jobs.results import requested_at, result_of_runs
from workers.jobs.sampling import seed_of

Runs = NDArray[np.float64]
"""Distances of the runs to the prompt's own output, metric units, shape (runs,); NaN where a run failed."""


def looks(spec: JobSpec, selection: Selection) -> tuple[int, ...]:
    """Returns the one look, at all runs: nothing that a run shows makes another one needless."""
    return (len(_planned(spec, _listed(selection)).texts),)


def without_runs(spec: JobSpec, selection: Selection, device_s: float) -> JobResult | None:
    """Returns the result where the prompt's own output fails a claim on a score, None where runs decide."""
    failed = failed_by_output(_claims(selection), selection.scores or ())
    if failed is None:
        return None
    unsafe = Abstention(Reason.RADIUS_OUT_OF_REACH, f"no run was made: {failed}", ())
    return _result(spec, selection, unsafe, np.zeros(0), (), device_s)


def certified(
    spec: JobSpec, selection: Selection, distances: Runs, scores: Runs | None = None
) -> EditsCertificate | Abstention:
    """Returns what the first runs prove.

    distances: of the runs made, shape (runs,). scores: of them, shape (runs, K) for K claims on scores.

    A beginning of the runs proves nothing: not of a set that is to be run whole, nor of a sample, whose size must not
    depend on what was said, as what a clock leaves of it does (docs/theory/edits.md, "A deadline").
    """
    listed = _listed(selection)
    planned = _planned(spec, listed)
    runs = len(planned.texts)
    if len(distances) < runs:
        kept = int(np.count_nonzero(distances <= round_down(spec.tolerance)))
        drawn = "" if listed.draws is None else f" drawn from a set of {listed.size}"
        return Abstention(
            Reason.DEADLINE,
            f"the deadline passed when {len(distances)} of {runs} edits{drawn} were run, of which {kept} kept the "
            f"output within the tolerance {spec.tolerance!r}, and a claim about the set needs all of them; give more "
            "time, or ask for fewer samples or kinds of edits",
        )
    return certify_edits(
        distances if planned.of_draws is None else distances[planned.of_draws],
        size=listed.size,
        sampled=listed.draws is not None,
        diameter=selection.diameter,
        tolerance=spec.tolerance,
        alpha=0.0 if listed.draws is None else complement(spec.request.robustness.confidence),
        singles=listed.singles,
        seed=None if listed.draws is None else seed_of(spec),
        edit_set=EditSetIdentity.from_dict(listed.edit_set),
        provenance=Provenance.from_dict(selection.provenance),
        score_claims=_claims(selection),
        scores=_scores_of_all_draws(selection, scores, planned),
        keep=spec.request.robustness.keep,
    )


def result(
    spec: JobSpec,
    selection: Selection,
    distances: Runs,
    words: Sequence[RunWords],
    device_s: float,
    scores: Runs | None = None,
) -> JobResult:
    """Returns what is stored and answered after these runs. device_s: seconds of compute."""
    return _result(spec, selection, certified(spec, selection, distances, scores), distances, words, device_s)


def _result(
    spec: JobSpec,
    selection: Selection,
    outcome: EditsCertificate | Abstention,
    distances: Runs,
    words: Sequence[RunWords],
    device_s: float,
) -> JobResult:
    planned = _planned(spec, _listed(selection))
    return result_of_runs(
        spec,
        selection,
        outcome,
        document=_document(outcome, spec, planned, words) if isinstance(outcome, EditsCertificate) else None,
        broken_by=_breaking(spec, selection, planned, distances, words),
        runs=len(distances),
        device_s=device_s,
    )


def _breaking(
    spec: JobSpec, selection: Selection, planned: PlannedRuns, distances: Runs, words: Sequence[RunWords]
) -> Neighbour | None:
    """Returns the first edit in the order of the set, of those that were run, that breaks the claim."""
    breaking = np.flatnonzero(~(distances <= round_down(spec.tolerance)))
    if not breaking.size:
        return None
    run = int(breaking[np.argmin(planned.texts[breaking])])
    number, distance = int(planned.texts[run]), float(distances[run])
    return Neighbour.of(
        number + 1,
        1.0 if number < _listed(selection).singles else 2.0,
        distance,
        changed=True,
        words=words[run] if run < len(words) else None,
    )


def _document(
    certificate: EditsCertificate, spec: JobSpec, planned: PlannedRuns, words: Sequence[RunWords]
) -> dict[str, object]:
    """Returns the certificate as it is stored. It has the texts of breaking edits only where prompts are kept as long
    as certificates, and their words are kept whole: an edit of a prompt is nearly the prompt."""
    named = certificate.claims.broken_by
    if named and spec.retention_s >= LONGEST_RETENTION_S:
        run_of = dict(zip(planned.texts.tolist(), range(len(words)), strict=False))  # of the runs with words
        said = [words[run_of[edit.index]] for edit in named if edit.index in run_of]
        texts = tuple(each.text for each in said if each.text is not None and len(each.text) < LONGEST_WORDS)
        if len(texts) == len(named):
            outputs = tuple(
                None if edit.distance is None else each.output for edit, each in zip(named, said, strict=True)
            )
            whole = all(o is not None for o, edit in zip(outputs, named, strict=True) if edit.distance is not None)
            certificate = replace(certificate, texts=texts, outputs=outputs if whole else None)
    return to_document(certificate.identified(spec.id, requested_at(spec)))


def _claims(selection: Selection) -> tuple[AskedClaim, ...]:
    return tuple(map(asked_from_dict, selection.claims or ()))


def _scores_of_all_draws(selection: Selection, scores: Runs | None, planned: PlannedRuns) -> Runs | None:
    """Returns the scores of the prompt's own output and then of every draw, None without claims. scores: of the
    runs."""
    if selection.scores is None or scores is None:
        return None
    return np.concatenate([[selection.scores], scores if planned.of_draws is None else scores[planned.of_draws]])


def _planned(spec: JobSpec, listed: ListedEdits) -> PlannedRuns:
    return planned_runs(seed_of(spec), listed)


def _listed(selection: Selection) -> ListedEdits:
    if selection.edits is None:
        raise GenerationFailed("the job's selection lists no edits of the prompt; send the request again")
    return selection.edits
