"""Scoring outputs: a column of numbers for each claim of a job."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smoothgen.certificates.format.score_claims import asked_from_dict
from smoothgen.certificates.score_claims import AskedClaim, require_distinct
from smoothgen.contracts import JobSpec
from smoothgen.errors import GenerationFailed
from smoothgen.scores import Score
from workers.generators import Failure, Made


def claims_on(spec: JobSpec, scores: Sequence[Score]) -> tuple[AskedClaim, ...]:
    """Returns the claims of a job on these scores, one for each. Raises InvalidClaim for what is none."""
    asked = spec.request.robustness.claims or ()
    claims = tuple(claim.asked_of(score.identity) for claim, score in zip(asked, scores, strict=True))
    require_distinct(claims)
    return claims


def scores_of(outputs: Sequence[Made | Failure], scores: Sequence[Score]) -> NDArray[np.float64] | None:
    """Returns the scores of outputs, shape (len(outputs), K), NaN where a sample failed; None for no scores.

    A score that stands in several claims, as the same object, is computed once.
    """
    if not scores:
        return None
    table = np.full((len(outputs), len(scores)), np.nan)
    whole = {i: output.content for i, output in enumerate(outputs) if not isinstance(output, Failure)}
    if not whole:
        return table
    columns: dict[int, NDArray[np.float64]] = {}
    for place, score in enumerate(scores):
        if id(score) not in columns:
            columns[id(score)] = score.values(list(whole.values()))
        table[list(whole), place] = columns[id(score)]
    return table


def scores_of_output(served: Made, claims: Sequence[AskedClaim], scores: Sequence[Score]) -> list[float] | None:
    """Returns the scores of the output that is served, one for each claim; None for no claims.

    Raises GenerationFailed where one cannot be computed: a score that fails on the output would fail on the samples.
    """
    table = scores_of([served], scores)
    if table is None:
        return None
    for claim, score, value in zip(claims, scores, table[0], strict=True):
        if np.isnan(claim.series([value])).any():
            reason = getattr(score, "last_failure", "") or f"it gives {float(value)!r}"
            raise GenerationFailed(f"score {claim.score.name!r} cannot be computed for the output: {reason}")
    return [float(value) for value in table[0]]


def require_same_scores(stored: Sequence[dict[str, Any]], claims: Sequence[AskedClaim]) -> None:
    """Raises GenerationFailed where this worker's scores are not those that the job began with."""
    for then, now in zip(map(asked_from_dict, stored), claims, strict=True):
        if not then.asks_the_same_as(now):
            raise GenerationFailed(
                f"score {now.score.name!r} is another one on this worker (digest {now.score.digest}) than where the "
                f"job began (digest {then.score.digest}); the operator should install one version on all workers"
            )
