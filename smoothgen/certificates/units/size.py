"""How many units a run may keep so that what is asked could still be proven: known before the first run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from scipy.special import gammaln

from smoothgen.certificates.bounds.bands import require_alpha
from smoothgen.certificates.bounds.rounding import round_down
from smoothgen.certificates.evidence import Evidence
from smoothgen.certificates.score_claims import AskedClaim, require_asked
from smoothgen.certificates.units.choice import MOST_ENUMERATED, MOST_UNITS, UnitChoice, require_altered
from smoothgen.certificates.units.claims import UnitBounds, share_of
from smoothgen.certificates.units.score_claims import bound_of_best_runs
from smoothgen.errors import InvalidParameters

_LEAST_PROBABILITY: Final = 1e-9


@dataclass(frozen=True)
class UnitsGoal:
    """What runs that read some of the units are to prove, and what they may spend on it.

    tolerance: of the law's shift in W₁, metric units, for a metric of this diameter whose centre lies up to D from
    outputs. keep: of the answer's share. Exactly one of the two. score_claims: beside it. asks_shift: whether that one
    is asked too, and not the claims on scores alone. samples: the most runs; all subsets are run where there are no
    more of them. alpha: that each claim may spend at the look which is to prove it.

    Raises InvalidParameters for values out of range, InvalidAlpha, InvalidClaim.
    """

    samples: int
    alpha: float
    tolerance: float | None = None
    keep: float | None = None
    diameter: float = 1.0
    score_claims: Sequence[AskedClaim] = ()
    asks_shift: bool = True

    def __post_init__(self) -> None:
        if (self.tolerance is None) == (self.keep is None):
            raise InvalidParameters(
                f"give exactly one claim, got tolerance={self.tolerance!r} and keep={self.keep!r}",
                field="robustness.keep",
            )
        require_alpha(self.alpha)
        require_asked(self.score_claims, asks_shift=self.asks_shift, keep=self.keep)
        if isinstance(self.samples, bool) or not isinstance(self.samples, int) or self.samples < 1:
            raise InvalidParameters(
                f"samples must be a whole number of at least 1, got {self.samples!r}", field="samples"
            )

    @property
    def most_touched(self) -> float:
        """Returns the largest share of the runs that may be touched, if no run is bad and nothing is left to chance."""
        own = 1 - self.keep if self.keep is not None else (self.tolerance or 0.0) / self.diameter
        return min([*([own] if self.asks_shift else []), *(claim.room for claim in self.score_claims)])

    def is_possible(self, choice: UnitChoice, altered: int) -> bool:
        """Returns whether all that is asked is proven for so many altered units if no run is bad."""
        if self.asks_shift and not self._own_is_possible(choice, altered):
            return False
        alpha = None if self._enumerates(choice) else self.alpha
        return all(
            claim.met_by(bound_of_best_runs(claim, choice, altered, samples=self.samples, alpha=alpha))
            for claim in self.score_claims
        )

    def least_units(self, units: int, altered: int) -> int | None:
        """Returns how many units there must be at least so that runs of one unit could prove it, where no number of
        runs could with so few. None where more runs could help, and where no number of units does."""
        touched = self.most_touched * (1 + 1e-9)
        most = min(self.samples, MOST_UNITS)  # all runs of one unit are run
        if altered <= units * touched or altered > most * touched:
            return None
        least = max(units + 1, math.ceil(altered / touched))
        possible = (n for n in range(least, most + 1) if self.is_possible(UnitChoice(n, size=1), altered))
        return next(possible, None)

    def out_of_reach(self, altered: str, least: str, needed: int | None = None) -> InvalidParameters:
        """Returns the error where not even the least choice of units could prove it. needed: how many units could,
        where more runs of these could not."""
        asked, remedies = [], []
        if self.asks_shift:
            kept = self.keep is not None
            asked.append(
                f"that the answer keeps {_in_words(self.keep or 0.0)}"
                if kept
                else f"a shift of at most {self.tolerance!r}"
            )
            remedies.append("a smaller share to keep" if kept else "a larger tolerance")
        if self.score_claims:
            asked.append("what is asked of scores")
            remedies.append("wider limits of the scores")
        if needed is not None:
            return InvalidParameters(
                f"with {altered} altered, {' and '.join(asked)} cannot be proven by any number of runs, even at "
                f"{least}; send at least {needed} passages, or ask for fewer altered units or {' and '.join(remedies)}",
                field="context",
            )
        return InvalidParameters(
            f"with {altered} altered, {' and '.join(asked)} cannot be proven with {self.samples} runs, even at {least} "
            f"and if no run is bad; ask for fewer altered units or {' and '.join(remedies)}, or allow more runs",
            field="units.altered",
        )

    def _enumerates(self, choice: UnitChoice) -> bool:
        most = min(self.samples, MOST_ENUMERATED)
        return choice.size is not None and math.comb(choice.units, choice.size) <= most

    def _own_is_possible(self, choice: UnitChoice, altered: int) -> bool:
        if self.keep is not None and choice.size is not None and self._enumerates(choice):
            untouched = math.comb(choice.units - altered, choice.size)
            return share_of(untouched, math.comb(choice.units, choice.size)) >= self.keep
        bounds = UnitBounds(self._good, choice, self.alpha, two_valued=True)
        if self.keep is not None:
            return bounds.share(altered) >= self.keep
        return bounds.w1(altered) <= (self.tolerance or 0.0)

    @cached_property
    def _good(self) -> Evidence:
        return Evidence.from_measurements(np.zeros(self.samples), bound=self.diameter, diameter=self.diameter)


def largest_size(
    units: int,
    altered: int,
    *,
    samples: int,
    alpha: float,
    tolerance: float | None = None,
    keep: float | None = None,
    diameter: float = 1.0,
    score_claims: Sequence[AskedClaim] = (),
    asks_shift: bool = True,
) -> int:
    """Returns the largest s at which what is asked of `altered` units could be proven if no run were bad.

    units: K. The others as in `UnitsGoal`.

    Raises InvalidParameters, with the remedy, where even a run of one unit is too many, and for values out of range.
    """
    require_altered(altered)
    goal = UnitsGoal(samples, alpha, tolerance, keep, diameter, score_claims, asks_shift)
    for size in _sizes(min(units, MOST_UNITS), altered, goal.most_touched):
        if goal.is_possible(UnitChoice(units, size=size), altered):
            return size
    raise goal.out_of_reach(f"{altered} of {units} units", "size 1", goal.least_units(units, altered))


def largest_probability(
    altered: int,
    *,
    samples: int,
    alpha: float,
    tolerance: float | None = None,
    keep: float | None = None,
    diameter: float = 1.0,
    score_claims: Sequence[AskedClaim] = (),
    asks_shift: bool = True,
) -> float:
    """Returns the largest κ, rounded down to three digits, at which what is asked could be proven if no run were bad.

    As `largest_size`, for units that are kept independently, however many there are. Raises InvalidParameters where
    there is none.
    """
    require_altered(altered)
    goal = UnitsGoal(samples, alpha, tolerance, keep, diameter, score_claims, asks_shift)

    def possible(probability: float) -> bool:
        return goal.is_possible(UnitChoice(MOST_UNITS, probability=probability), altered)

    low, high = _LEAST_PROBABILITY, 1 - 1e-9
    if not possible(low):
        raise goal.out_of_reach(f"{altered} units", f"probability {low:g}")
    while high - low > 1e-4 * low:
        middle = (low + high) / 2
        low, high = (middle, high) if possible(middle) else (low, middle)
    return round_down(low, digits=3)


def most_altered(
    choice: UnitChoice,
    *,
    samples: int,
    alpha: float,
    tolerance: float | None = None,
    keep: float | None = None,
    diameter: float = 1.0,
    score_claims: Sequence[AskedClaim] = (),
    asks_shift: bool = True,
) -> int:
    """Returns the largest number of altered units for which what is asked could be proven if no run were bad, 0 if
    none.

    As `largest_size`, for a choice that is fixed.
    """
    goal, altered = UnitsGoal(samples, alpha, tolerance, keep, diameter, score_claims, asks_shift), 0
    while altered < choice.units and goal.is_possible(choice, altered + 1):
        altered += 1
    return altered


def _sizes(units: int, altered: int, most_touched: float) -> list[int]:
    """Returns the sizes, the largest first, at which not many more than this share of the subsets is touched: exact
    counts of the others would take long."""
    sizes = np.arange(units - altered, 0, -1)
    untouched = gammaln(units - altered + 1) - gammaln(units - altered - sizes + 1)
    subsets = gammaln(units + 1) - gammaln(units - sizes + 1)
    found: list[int] = sizes[-np.expm1(untouched - subsets) <= most_touched + 1e-6].tolist()
    return found


def _in_words(keep: float) -> str:
    """Returns a share in words: a majority is asked for as the least number above one half."""
    return "more than one half" if keep == math.nextafter(0.5, 1.0) else repr(keep)
