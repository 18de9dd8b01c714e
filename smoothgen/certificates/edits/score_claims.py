"""Claims on scores under edits: of a set that was run whole, for whoever chooses the edit; of a sample, a share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from smoothgen.certificates.bounds.rounding import round_down
from smoothgen.certificates.edits.claims import least_share, share_of_texts
from smoothgen.certificates.edits.evidence import EditsEvidence
from smoothgen.certificates.score_claims import AskedClaim, require_distinct
from smoothgen.errors import InvalidDistances


@dataclass(frozen=True, eq=False)
class ScoredEdits:
    """A claim and its series over the runs.

    runs: the evidence that says which text each run is of. series: how bad each output is, in [0, width], shape
    (1 + n,), the prompt's own first; +inf marks a run without a score, which counts as the worst.

    Given the generator's randomness each text has one output, so mean, share and quantile are read off that output. A
    text is *as asked* where the claim holds of it, as it is printed.

    Proof: docs/theory/edits.md, "Scores".
    """

    asked: AskedClaim
    runs: EditsEvidence
    series: NDArray[np.float64]

    def __post_init__(self) -> None:
        """Raises InvalidDistances unless there is a number for the prompt and for every run, and one for a text."""
        shape = (1 + self.runs.runs,)
        if self.series.shape != shape:
            raise InvalidDistances(
                f"{self.asked.named} needs a score of the prompt's own output and of each of {self.runs.runs} runs, "
                f"got shape {self.series.shape}",
                field="scores",
            )
        self.runs.require_one_for_a_text(self.series[1:], "score")

    def __eq__(self, other: object) -> bool:
        """Returns whether the claims, the runs and the series are equal, run by run."""
        if not isinstance(other, ScoredEdits):
            return NotImplemented
        return (self.asked, self.runs) == (other.asked, other.runs) and np.array_equal(self.series, other.series)

    def __hash__(self) -> int:
        return hash((self.runs, self.series.tobytes()))

    @property
    def failed(self) -> int:
        """Returns how many runs have no score."""
        return int(np.count_nonzero(np.isinf(self.series)))

    @cached_property
    def breaks(self) -> NDArray[np.bool_]:
        """Returns which runs are not as asked, the prompt's own among them, shape (1 + n,)."""
        levels, places = np.unique(self.bad, return_inverse=True)
        broken = np.array([not self.asked.met_by(self.asked.stated(level)) for level in levels.tolist()])
        return broken[places.reshape(-1)]

    @cached_property
    def bad(self) -> NDArray[np.float64]:
        """Returns the series, with what has no score at the worst, shape (1 + n,)."""
        return np.minimum(self.series, self.asked.width)


@dataclass(frozen=True)
class EditsScoreClaim:
    """What holds of a claim on a score under edits. All follows from the runs; `verify` derives it again.

    share: at least this share of the texts in the set is as asked, rounded down; with the confidence of the certificate
    where the texts were sampled, else without doubt. kept: how many RUNS are as asked. broken_by: the number of the
    first text that is not, in the order of the set and of those that were run; None where all are.

    Only where every text was run, else None and empty: bound: the worst that whoever chooses among the edits, or leaves
    the prompt as it is, can reach, in the claim's own terms and rounded outward. curve: (edits at once, that bound).
    radius: the most edits at once under which the claim holds, 0 where one edit, or none, breaks it.

    Proof: docs/theory/edits.md, "Scores".
    """

    scored: ScoredEdits
    share: float
    kept: int
    broken_by: int | None
    radius: int | None
    bound: float | None
    curve: tuple[tuple[int, float], ...]

    @property
    def asked(self) -> AskedClaim:
        """Returns what is asked."""
        return self.scored.asked

    def holds_at(self, at_once: float | None) -> bool:
        """Returns whether the claim is proven for so many edits at once; without a number, for one."""
        return self.radius is not None and self.radius >= (1 if at_once is None else at_once)


def derive_edits_score(scored: ScoredEdits, alpha: float) -> EditsScoreClaim:
    """Returns what the runs prove of a claim. alpha: the claim's share; 0 where every text was run.

    Proof: docs/theory/edits.md, "Scores".
    """
    runs, asked = scored.runs, scored.asked
    broken = runs.indices[scored.breaks[1:]]
    kept = runs.runs - len(broken)
    first = int(broken.min()) if len(broken) else None
    if runs.seed is not None:
        share = round_down(least_share(len(broken), runs.runs, alpha))
        return EditsScoreClaim(scored, share, kept, first, None, None, ())
    ends = [runs.singles] if runs.singles == runs.size else [runs.singles, runs.size]
    curve = tuple((m, asked.stated(float(scored.bad[: 1 + end].max()))) for m, end in enumerate(ends, start=1))
    radius = max((m for m, bound in curve if asked.met_by(bound)), default=0)
    return EditsScoreClaim(scored, share_of_texts(kept, runs.size), kept, first, radius, curve[-1][1], curve)


def scored_edits(
    claims: Sequence[AskedClaim], scores: ArrayLike | None, evidence: EditsEvidence
) -> tuple[ScoredEdits, ...]:
    """Returns the claims with their series. scores: shape (1 + n, K), the prompt's own output first, then the runs in
    their order; NaN where a run has no score.

    Proof: docs/theory/edits.md, "Scores". Raises InvalidClaim for two equal claims, InvalidDistances for scores that
    are none.
    """
    require_distinct(claims)
    table = np.zeros((1 + evidence.runs, 0)) if scores is None else np.asarray(scores, dtype=np.float64)
    if table.ndim != 2 or table.shape[1] != len(claims):
        raise InvalidDistances(
            f"scores must have a column for each of {len(claims)} claims, got shape {table.shape}", field="scores"
        )
    found = []
    for place, claim in enumerate(claims):
        bad = claim.series(table[:, place])
        found.append(ScoredEdits(claim, evidence, np.where(np.isnan(bad), math.inf, bad)))
    return tuple(found)
