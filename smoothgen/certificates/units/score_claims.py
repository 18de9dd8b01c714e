"""Claims on scores of runs that read some of the units: bounds for every number of altered units."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from fractions import Fraction
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from smoothgen.certificates.bounds.bands import SurvivalBand
from smoothgen.certificates.bounds.rounding import RELATIVE_SLACK, SIGNIFICANT_DIGITS
from smoothgen.certificates.evidence import Evidence
from smoothgen.certificates.score_claims import AskedClaim, claim_share, require_distinct
from smoothgen.certificates.units.choice import UnitChoice
from smoothgen.certificates.units.claims import MOST_ROWS, NEARLY_ALL, Rows
from smoothgen.certificates.units.touched import TouchedRuns
from smoothgen.errors import InvalidDistances

_LARGEST_SUM: Final = 2.0**53
"""Below it, sums of whole numbers are exact in any order."""
_DOWN, _UP = (Context(prec=SIGNIFICANT_DIGITS, rounding=rounding) for rounding in (ROUND_FLOOR, ROUND_CEILING))


class WorstRuns:
    """How bad the runs of all subsets are, for every claim of a job, and the most that they can become.

    A run without a score, and a subset that was not run, are the worst: they count as w.

    Proof: docs/theory/units.md, "Scores of all subsets".
    """

    def __init__(self, asked: Sequence[AskedClaim], evidence: Sequence[Evidence], choice: UnitChoice) -> None:
        """asked, evidence: the claims and their series, in the order of `choice.enumerated()`."""
        widths = np.array([claim.width for claim in asked])
        self.bad: NDArray[np.float64] = np.tile(widths, (choice.subsets or 0, 1))
        for place, series in enumerate(evidence):
            column = series.distances.astype(np.float64)
            self.bad[: len(column), place] = np.minimum(column, widths[place])
        self._sums = self.bad.sum(axis=0)
        self._touched = TouchedRuns(choice.units, choice.size or 0, widths - self.bad)
        self._found: dict[int, NDArray[np.float64]] = {}

    def total(self, altered: int) -> NDArray[np.float64]:
        """Returns the most that all runs can add up to after m edits, shape (claims,), up to the rounding of sums."""
        if altered not in self._found:
            self._found[altered] = self._sums + self._touched.most(altered)
        return self._found[altered]


@dataclass(frozen=True, eq=False)
class UnitScoreBounds:
    """What a claim on a score becomes for any number of altered units, from its series over the runs.

    With g the series of the claim, in [0, w], an attack of m edits leaves E_Q[g] at most (Σ_S g_S + the most that the
    touched runs can lack of w)/C(K, s) where all subsets were run, and at most ∫₀^w min(1, p̄_t + β(m)) dt where runs
    were drawn.

    asked: the claim. evidence: its series, in the order of the runs. worst: of all claims of the job, and the claim's
    place among them; None where runs were drawn. alpha: the share of failure probability that the claim may then spend.

    Proof: docs/theory/units.md, "Scores of all subsets", and docs/theory/units.md, "Scores of sampled runs".
    """

    asked: AskedClaim
    evidence: Evidence
    choice: UnitChoice
    worst: tuple[WorstRuns, int] | None
    alpha: float

    def full(self, altered: int) -> float:
        """Returns the bound after m edits in the claim's own terms, full digits, past the error of its arithmetic."""
        return self.asked.full(self._integral(altered))

    def at(self, altered: int) -> float:
        """Returns the bound after m edits in the claim's own terms, as a certificate prints it."""
        if not self.is_counted:
            return self.asked.stated(self._integral(altered))
        total, runs = self._total(altered)
        return _stated(self.asked, Fraction(int(total), runs))

    @cached_property
    def is_counted(self) -> bool:
        """Returns whether the bounds are quotients of whole numbers, which every machine rounds alike: all subsets were
        run, and how bad each is is a whole number."""
        if self.worst is None:
            return False
        bad = self.worst[0].bad[:, self.worst[1]]
        whole = self.asked.width.is_integer() and bool((bad == np.floor(bad)).all())
        return whole and self.asked.width * len(bad) < _LARGEST_SUM

    def _integral(self, altered: int) -> float:
        """Returns an upper bound on E_Q[g]."""
        width = self.asked.width
        if self.worst is not None:
            total, runs = self._total(altered)
            return min(width, total / runs * (1 + RELATIVE_SLACK + runs * 2.0**-52) * (1 + RELATIVE_SLACK))
        levels = np.minimum(1.0, self._band.levels + self.choice.touched(altered))
        slack = 1 + RELATIVE_SLACK + len(levels) * 2.0**-52
        return min(width, float((levels * np.diff(self._band.edges)).sum()) * slack)

    def _total(self, altered: int) -> tuple[float, int]:
        """Returns the most that all subsets can add up to, and how many they are."""
        if self.worst is None:
            return math.inf, 1
        runs, place = self.worst
        return float(runs.total(altered)[place]), len(runs.bad)

    @cached_property
    def _band(self) -> SurvivalBand:
        width = self.asked.width
        return self.asked.band.build(self.evidence.ordered(width), width, self.alpha)


def _stated(asked: AskedClaim, bad: Fraction) -> float:
    """Returns an exact bound on E_Q[g] in the claim's own terms, as a certificate prints it."""
    least, most = (asked.score.least, asked.score.most) if asked.of_mean else (0.0, 1.0)
    value, context = (Fraction(least) + bad, _UP) if asked.is_upper else (Fraction(most) - bad, _DOWN)
    printed = float(context.divide(Decimal(value.numerator), Decimal(value.denominator)))
    return min(most, printed) if asked.is_upper else max(least, printed)


def bound_of_best_runs(
    asked: AskedClaim, choice: UnitChoice, altered: int, *, samples: int, alpha: float | None
) -> float:
    """Returns the bound after m edits, as a certificate prints it, if every run had the best score.

    samples: how many runs are drawn. alpha: of the claim; None where all subsets are run.

    Proof: docs/theory/units.md, "Scores of all subsets", and docs/theory/units.md, "Scores of sampled runs".
    """
    if alpha is None and choice.size is not None and choice.subsets is not None:
        untouched = math.comb(max(0, choice.units - altered), choice.size)
        touched = Fraction(choice.subsets - untouched, choice.subsets)
        if asked.width.is_integer():
            return _stated(asked, touched * int(asked.width))
        return asked.stated(float(touched) * asked.width * (1 + RELATIVE_SLACK))
    best = asked.evidence(np.full(samples, asked.best))
    return UnitScoreBounds(asked, best, choice, None, alpha or 0.0).at(altered)


@dataclass(frozen=True)
class UnitScoreClaim:
    """What holds of a claim on a score under altered units. All follows from its evidence; `verify` derives it again.

    evidence: the claim's series over the runs, in their order. radius: the most altered units for which the claim is
    proven, 0 if one is too many, None where it is not proven even unaltered. bound: at the asked number of units, else
    at the radius (at 0 where there is none), in the claim's own terms and rounded to the safe side; of a quantile the
    share of outputs that may lie beyond the asked value. curve: (units altered, bound), from 0 on.

    Proof: docs/theory/units.md, "Scores of all subsets", and docs/theory/units.md, "Scores of sampled runs".
    """

    asked: AskedClaim
    evidence: Evidence
    radius: int | None
    bound: float
    curve: Rows

    def holds_at(self, altered: float | None) -> bool:
        """Returns whether the claim is proven for so many altered units; without a number, for one at least."""
        return self.radius is not None and self.radius >= (1 if altered is None else altered)


def derive_unit_score(bounds: UnitScoreBounds, altered: int | None) -> UnitScoreClaim:
    """Returns what the runs prove of a claim. altered: the number of units that was asked, None for the radius.

    Proof: docs/theory/units.md, "Scores of all subsets", and docs/theory/units.md, "Scores of sampled runs".
    """
    curve: list[tuple[int, float]] = []
    worst = bounds.asked.stated(bounds.asked.width)
    for m in range(min(bounds.choice.units, MOST_ROWS) + 1):
        curve.append((m, bounds.at(m)))
        if curve[-1][1] == worst or bounds.choice.touched(m) >= NEARLY_ALL:
            break
    return score_claim_of(bounds.asked, bounds.evidence, tuple(curve), altered)


def score_claim_of(asked: AskedClaim, evidence: Evidence, curve: Rows, altered: int | None) -> UnitScoreClaim:
    """Returns the claim whose rows are these: radius and bound are read from them.

    Proof: docs/theory/units.md, "Scores of all subsets".
    """
    radius = max((m for m, bound in curve if asked.met_by(bound)), default=None)
    at = (radius or 0) if altered is None else altered
    return UnitScoreClaim(asked, evidence, radius, dict(curve).get(at, asked.stated(asked.width)), curve)


def unit_score_bounds(
    asked: Sequence[AskedClaim], evidence: Sequence[Evidence], choice: UnitChoice, alpha: float | None
) -> tuple[UnitScoreBounds, ...]:
    """Returns the bounds on every claim. alpha: of the look, shared with the claim on distances in equal parts
    (`claim_share`); None where the runs are all subsets.

    Proof: docs/theory/scores.md, "Several claims". Raises InvalidAlpha for shares that are too small.
    """
    worst = WorstRuns(asked, evidence, choice) if alpha is None and asked else None
    share = 0.0 if alpha is None else claim_share(alpha, len(asked))
    return tuple(
        UnitScoreBounds(claim, series, choice, None if worst is None else (worst, place), share)
        for place, (claim, series) in enumerate(zip(asked, evidence, strict=True))
    )


def evidence_of_runs(claims: Sequence[AskedClaim], scores: ArrayLike | None, runs: int) -> tuple[Evidence, ...]:
    """Returns the series of every claim over the runs. scores: shape (runs, K), NaN where a run has none.

    Proof: docs/theory/scores.md, "Failed samples". Raises InvalidClaim for two equal claims, InvalidDistances for
    another shape.
    """
    require_distinct(claims)
    table = np.zeros((runs, 0)) if scores is None else np.asarray(scores, dtype=np.float64)
    if table.shape != (runs, len(claims)):
        raise InvalidDistances(
            f"scores must have a row for each of {runs} runs and a column for each of {len(claims)} claims, got shape "
            f"{table.shape}",
            field="scores",
        )
    return tuple(claim.evidence(table[:, place]) for place, claim in enumerate(claims))
