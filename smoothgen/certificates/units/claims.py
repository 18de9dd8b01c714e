"""What follows from the runs: for every number of altered units a bound on W₁ and the least share of the answer."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from smoothgen.certificates.bounds.bands import ORDER_STATISTICS, TWO_VALUED, SurvivalBand
from smoothgen.certificates.bounds.rounding import RELATIVE_SLACK, round_down, round_up
from smoothgen.certificates.evidence import Evidence
from smoothgen.certificates.units.choice import UnitChoice
from smoothgen.certificates.units.touched import TouchedRuns

Rows = tuple[tuple[int, float], ...]
"""(units altered, number) for each number of units from 0 on."""
MOST_ROWS: Final = 1000
NEARLY_ALL: Final = 0.99
_NINE_DIGITS: Final = 10**9


@dataclass(frozen=True)
class UnitBounds:
    """The bounds for any number of altered units, from the evidence.

    evidence: distances R of the runs to a centre chosen without them, D_c and D; a failed run lies at D_c from the
    centre and at min(D, D_c + R) from an output at R. alpha: the share of failure probability that these distances may
    spend; None where they are of all subsets, in the order of `choice.enumerated()`: subsets that are missing at the
    end count as failed. two_valued: distances are 0 or D_c.

    Proof: docs/theory/units.md, "All subsets run", and docs/theory/units.md, "Sampled runs".
    """

    evidence: Evidence
    choice: UnitChoice
    alpha: float | None
    two_valued: bool

    def exact_w1(self, altered: int) -> float:
        """Returns an upper bound on W₁ between the outputs as they are and as they are after m edits, not yet
        printed."""
        diameter, touched = self.evidence.diameter, self.choice.touched(altered)
        whole = _product_up(touched, diameter)
        if self.two_valued:
            return whole
        if self.alpha is None:
            summed = self._most_touched(altered)[0] * (1 + RELATIVE_SLACK + len(self._weights) * 2.0**-52)
            return float(min(summed / len(self._weights) * (1 + RELATIVE_SLACK), whole))
        fixed = min(diameter, self.evidence.bound)
        ends = np.minimum(self._band.edges, diameter - fixed)
        spread = float((np.minimum(self._band.levels, touched) * np.diff(ends)).sum())
        slack = RELATIVE_SLACK + len(ends) * 2.0**-52
        return min((touched * fixed + spread) * (1 + slack), whole)

    def exact_share(self, altered: int) -> float:
        """Returns a lower bound on the share of runs that give the centre's answer after m edits, not yet printed.

        For two-valued distances only."""
        if self.alpha is None:
            return self._kept_untouched(altered) / len(self._weights)
        lost = float(self._band.levels[0]) + self.choice.touched(altered)
        return max(0.0, (1 - lost) - RELATIVE_SLACK)

    def w1(self, altered: int) -> float:
        """Returns the bound on W₁ as it is printed: rounded up, metric units, never above D."""
        return min(round_up(self.exact_w1(altered)), self.evidence.diameter)

    def share(self, altered: int) -> float:
        """Returns the least share as it is printed: rounded down. For two-valued distances only."""
        if self.alpha is None:
            return share_of(self._kept_untouched(altered), len(self._weights))
        return round_down(self.exact_share(altered))

    @property
    def kept(self) -> int:
        """Returns how many runs lie at distance 0 from the centre."""
        return int(np.count_nonzero(self.evidence.distances == 0))

    def _kept_untouched(self, altered: int) -> int:
        return self.kept - int(self._most_touched(altered)[1])

    def _most_touched(self, altered: int) -> NDArray[np.float64]:
        if altered not in self._found:
            self._found[altered] = self._runs.most(altered)
        return self._found[altered]

    @cached_property
    def _found(self) -> dict[int, NDArray[np.float64]]:
        return {}

    @cached_property
    def _runs(self) -> TouchedRuns:
        return TouchedRuns(self.choice.units, self.choice.size or 0, self._weights)

    @cached_property
    def _weights(self) -> NDArray[np.float64]:
        """Returns for every subset how far an attack that touches it can move its output, and whether it gives the
        centre's answer, shape (C(K, s), 2)."""
        distances = np.full(self.choice.subsets or 0, np.inf)
        distances[: self.evidence.samples] = self.evidence.distances
        moved = np.minimum(distances + self.evidence.bound, self.evidence.diameter)
        return np.stack((moved, distances == 0), axis=1)

    @cached_property
    def _band(self) -> SurvivalBand:
        band = TWO_VALUED if self.two_valued else ORDER_STATISTICS
        bound = self.evidence.bound
        return band.build(self.evidence.ordered(bound), bound, self.alpha or 0.0)


def share_of(part: int, whole: int) -> float:
    """Returns part/whole rounded down to nine decimals: from whole numbers, so that no division rounds up.

    Proof: docs/theory/units.md, "What is printed".
    """
    return (part * _NINE_DIGITS // whole) / _NINE_DIGITS


def _product_up(one: float, other: float) -> float:
    """Returns the smallest double that is at least the product of two non-negative ones."""
    nearest = one * other
    exact = Fraction(one) * Fraction(other)
    return nearest if nearest >= exact else math.nextafter(nearest, math.inf)


@dataclass(frozen=True)
class UnitsClaims:
    """The numbers a certificate of units states. All follow from its evidence; `verify` derives every one again.

    radius: the most altered units for which the asked claim is proven, 0 if none. w1_bound, share: at the asked number
    of units; at the radius where none was asked, or more than are proven. curve: (units altered, bound on W₁, metric
    units, rounded up), from 0 on until nothing more is claimed. keeps: (units altered, least share of runs that give
    the centre's answer, rounded down), in the same rows. majority: the most altered units for which that share is more
    than one half, 0 if none. kept: how many runs gave that answer. share, keeps, majority and kept are None where
    distances may be other than 0 and D.

    Proof: docs/theory/units.md, "All subsets run", and docs/theory/units.md, "Sampled runs".
    """

    radius: int
    w1_bound: float
    curve: Rows
    share: float | None
    keeps: Rows | None
    majority: int | None
    kept: int | None


def derive_claims(
    bounds: UnitBounds, *, tolerance: float | None, keep: float | None, altered: int | None, asks_shift: bool = True
) -> UnitsClaims:
    """Returns all that follows from the evidence. Exactly one of tolerance τ in (0, D) and keep in (0, 1) is the claim.

    asks_shift: whether `altered` asks for that claim; else it asks for claims on scores alone, and what is stated of
    the law at so many altered units may be more than τ.

    Proof: docs/theory/units.md, "What is printed".
    """
    curve, keeps = _rows(bounds, tolerance, 0 if asks_shift or altered is None else altered)
    return claims_of(curve, keeps, bounds.kept, tolerance=tolerance, keep=keep, altered=altered, asks_shift=asks_shift)


def claims_of(
    curve: Rows,
    keeps: Rows | None,
    kept: int,
    *,
    tolerance: float | None,
    keep: float | None,
    altered: int | None,
    asks_shift: bool = True,
) -> UnitsClaims:
    """Returns the claims whose rows are these: what is stated beside the rows is read from them.

    Proof: docs/theory/units.md, "What is printed".
    """
    if keep is not None:
        holds = [m for m, share in keeps or () if share >= keep]
    else:
        holds = [m for m, bound in curve if bound <= (tolerance or 0.0)]
    radius = max(holds, default=0)
    at = radius if altered is None or (altered > radius and asks_shift) else altered
    return UnitsClaims(
        radius=radius,
        w1_bound=dict(curve).get(at, math.inf),
        curve=curve,
        share=None if keeps is None else dict(keeps).get(at, 0.0),
        keeps=keeps,
        majority=None if keeps is None else max((m for m, share in keeps if share > 0.5), default=0),
        kept=None if keeps is None else kept,
    )


def _rows(bounds: UnitBounds, tolerance: float | None, through: int) -> tuple[Rows, Rows | None]:
    """Returns the rows of the curve and of the shares: up to the first number of units, no smaller than `through`, that
    leaves nothing of what is claimed, or one that touches nearly every run; to K at most, and to MOST_ROWS."""
    curve: list[tuple[int, float]] = []
    keeps: list[tuple[int, float]] = []
    for altered in range(min(bounds.choice.units, MOST_ROWS) + 1):
        curve.append((altered, bounds.w1(altered)))
        if bounds.two_valued:
            keeps.append((altered, bounds.share(altered)))
        beyond = tolerance is None or curve[-1][1] > tolerance
        nothing = beyond and bounds.two_valued and keeps[-1][1] == 0
        if (nothing and altered >= through) or bounds.choice.touched(altered) >= NEARLY_ALL:
            break
    return tuple(curve), tuple(keeps) if bounds.two_valued else None
