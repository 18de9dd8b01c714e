"""β(m): how likely a run is to keep one of m altered units, and the most that the runs which keep one can weigh."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import chain, combinations, islice
from typing import Final

import numpy as np
from numpy.typing import NDArray

from smoothgen.certificates.bounds.rounding import RELATIVE_SLACK

MOST_SETS: Final = 200_000
"""So many sets of altered units are gone through one by one; of more, only their size is used."""
MOST_PAIRS: Final = 20_000_000
"""So many pairs of a set of altered units and a run are looked at; beyond, only the size of the sets is used."""
_GRID: Final = 2.0**-52
_AT_ONCE: Final = 1_000_000


def touched_by_size(units: int, size: int, altered: int) -> float:
    """Returns 1 − C(K−m, s)/C(K, s), rounded up: how likely a uniform subset of `size` units holds one of `altered`.

    Proof: docs/theory/units.md, "How many runs an attack touches".
    """
    subsets = math.comb(units, size)
    exact = Fraction(subsets - _untouched(units, size, altered), subsets)
    nearest = float(exact)
    return nearest if nearest >= exact else math.nextafter(nearest, math.inf)


def touched_by_probability(probability: float, altered: int) -> float:
    """Returns 1 − (1−κ)^m, rounded up: how likely one of `altered` units is kept, each with `probability`.

    A unit is kept where a number of a grid of 2⁵² points is below κ, so κ is taken up to one step of the grid larger.
    Proof: docs/theory/units.md, "How many runs an attack touches".
    """
    if altered == 0:
        return 0.0
    raised = probability + _GRID
    if raised >= 1:
        return 1.0
    return min(1.0, -math.expm1(altered * math.log1p(-raised)) * (1 + RELATIVE_SLACK))


def all_subsets(units: int, size: int) -> NDArray[np.bool_]:
    """Returns every subset of `size` of the units once, shape (C(K, s), K): true where a unit is kept, in lexicographic
    order of the indices of the kept units. Proof: docs/theory/units.md, "All subsets run"."""
    count, fewer = math.comb(units, size), min(size, units - size)
    listed = np.fromiter(chain.from_iterable(combinations(range(units), fewer)), dtype=np.intp, count=count * fewer)
    rows = np.zeros((count, units), dtype=np.bool_)
    rows[np.repeat(np.arange(count), fewer), listed] = True
    # Of nearly all units, those left out are listed: their order is the reverse of that of the kept ones.
    return rows if fewer == size else ~rows[::-1]


@dataclass(frozen=True, eq=False)
class TouchedRuns:
    """The most that the subsets which hold one of m altered units can weigh, for several kinds of weights.

    units, size: K and s. weights: ≥ 0, shape (C(K, s), kinds), in the order of `all_subsets`.

    Proof: docs/theory/units.md, "All subsets run".
    """

    units: int
    size: int
    weights: NDArray[np.float64]

    def most(self, altered: int) -> NDArray[np.float64]:
        """Returns shape (kinds,), the maximum over all sets of `altered` units where `goes_through` them; else the sum
        of as many of the largest weights as a set of that size touches, which is no smaller.

        Sums are not rounded up: of whole numbers they are exact, of others off by the rounding of a sum."""
        runs, units = len(self.weights), self.units
        altered = min(altered, units)
        if altered == 0:  # answered first: going through the sets would list every subset, even those of thousands
            return np.zeros(self.weights.shape[1])
        if not goes_through(units, runs, altered):
            largest: NDArray[np.float64] = self._largest_sums[runs - _untouched(units, self.size, altered)]
            return largest
        most = np.zeros(self.weights.shape[1])
        for sets in _batches(units, altered, max(1, _AT_ONCE // runs)):
            touched = self._kept_units[:, sets].any(axis=2)
            most = np.maximum(most, (touched.T.astype(np.float64) @ self.weights).max(axis=0))
        return most

    @cached_property
    def _kept_units(self) -> NDArray[np.bool_]:
        return all_subsets(self.units, self.size)

    @cached_property
    def _largest_sums(self) -> NDArray[np.float64]:
        """Returns the sums of the 0, 1, 2 … largest weights of each kind, shape (C(K, s) + 1, kinds)."""
        sums = np.zeros((len(self.weights) + 1, self.weights.shape[1]))
        np.cumsum(np.sort(self.weights, axis=0)[::-1], axis=0, out=sums[1:])
        return sums


def goes_through(units: int, runs: int, altered: int) -> bool:
    """Returns whether all sets of so many altered units, and of every smaller number, are gone through one by one.

    Every smaller number too, so that the bounds never fall as the number rises.
    Proof: docs/theory/units.md, "All subsets run".
    """
    most = min(MOST_SETS, MOST_PAIRS // runs)
    return all(math.comb(units, m) <= most for m in range(altered + 1))


def _untouched(units: int, size: int, altered: int) -> int:
    """Returns how many subsets hold none of the altered units, of which there may be more than units."""
    return math.comb(max(0, units - altered), size)


def _batches(units: int, altered: int, length: int) -> Iterator[NDArray[np.intp]]:
    """Yields all sets of `altered` of the units, in arrays of shape (up to length, altered)."""
    sets = combinations(range(units), altered)
    while batch := list(islice(sets, length)):
        yield np.array(batch, dtype=np.intp).reshape(len(batch), altered)
