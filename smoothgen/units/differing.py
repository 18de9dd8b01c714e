"""How many units differ between two sequences: the least number of replacements, deletions and insertions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Difference:
    """An alignment of two sequences with the fewest edits. Each edit is of one unit."""

    replaced: int
    deleted: int
    inserted: int

    @property
    def altered(self) -> int:
        """Returns m, how many units differ."""
        return self.replaced + self.deleted + self.inserted


def difference(ours: Sequence[str], theirs: Sequence[str]) -> Difference:
    """Returns what turns one sequence into the other with the fewest edits; of several ways, one with the most
    replacements.

    A unit that was moved counts as two edits. Time is proportional to the product of the lengths.
    """
    numbers = {unit: number for number, unit in enumerate({*ours, *theirs})}
    a, b = (np.array([numbers[unit] for unit in units], dtype=np.int64) for units in (ours, theirs))
    table = _distances(a, b)
    i, j = len(a), len(b)
    replaced = deleted = inserted = 0
    while i or j:
        here = table[i, j]
        if i and j and here == table[i - 1, j - 1] + (a[i - 1] != b[j - 1]):
            replaced += int(a[i - 1] != b[j - 1])
            i, j = i - 1, j - 1
        elif i and here == table[i - 1, j] + 1:
            deleted, i = deleted + 1, i - 1
        else:
            inserted, j = inserted + 1, j - 1
    return Difference(replaced, deleted, inserted)


def _distances(a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.int64]:
    """Returns the edit distance of every beginning of `a` to every beginning of `b` (Wagner & Fischer 1974), row by
    row: insertions along a row are a running minimum."""
    steps = np.arange(len(b) + 1)
    table = np.empty((len(a) + 1, len(b) + 1), dtype=np.int64)
    table[0] = steps
    for row, unit in enumerate(a, start=1):
        before = table[row - 1]
        reached = before + 1
        reached[1:] = np.minimum(reached[1:], before[:-1] + (b != unit))
        table[row] = np.minimum.accumulate(reached - steps) + steps
    return table
