"""Which rows can be among the nearest of a point: a first pass by matrix products that never loses one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from smoothgen.tokens.distances import block_rows, expansion_error

_PRODUCT_BYTES: Final = 2**26
UNDERFLOW: Final = 2.0**-1000
"""More than what products below the smallest double can lose."""
ORDER: Final = 1 + 2.0**-30
"""More than the ratio at which two distances, computed directly, can change order."""


class FirstPass(Protocol):
    """Finds, for points, the targets that may be among the nearest."""

    def of(
        self, points: NDArray[Any], number: int, without: NDArray[np.int64] | None = None
    ) -> Iterator[NDArray[np.int64]]:
        """Yields target ids, increasing, for every point of (points, width).

        Every target that is among the `number` with the least `direct_squared`, ties included, is among them. without:
        for each point an id that is left out.
        """
        ...


MakesFirstPass = Callable[[NDArray[np.int64], NDArray[np.float64]], FirstPass]
"""From the targets, ids in increasing order, and ‖row‖² of every row of the table, to the first pass for them."""


def squared_norms(rows: NDArray[Any]) -> NDArray[np.float64]:
    """Returns ‖row‖² of every row in double, shape (rows,)."""
    found = np.empty(len(rows))
    step = block_rows(rows.shape[1])
    for start in range(0, len(rows), step):
        block = rows[start : start + step].astype(np.float64)
        found[start : start + step] = np.square(block, out=block).sum(axis=1)
    return found


class Candidates:
    """Finds, for points, the targets that may be among the `number` nearest.

    Memory at work: products of 64 MiB, or 8 bytes a target where that is more; 48 bytes a target; and rows of 32 MiB.
    """

    def __init__(self, rows: NDArray[Any], targets: NDArray[np.int64], norms: NDArray[np.float64]) -> None:
        """rows: (V, width). targets: ids in increasing order. norms: of `squared_norms`, of all rows."""
        self._rows, self._targets, self._norms = rows, targets, norms[targets]
        self._error = expansion_error(rows.shape[1])

    def of(
        self, points: NDArray[Any], number: int, without: NDArray[np.int64] | None = None
    ) -> Iterator[NDArray[np.int64]]:
        """Yields what `FirstPass.of` says."""
        together = max(1, _PRODUCT_BYTES // (8 * max(len(self._targets), 1)))
        room = np.empty((min(together, len(points)), len(self._targets)))
        for start in range(0, len(points), together):
            block = np.asarray(points[start : start + together], dtype=np.float64)
            own = np.square(block).sum(axis=1)
            products = self._products(block, room[: len(block)])
            for k in range(len(block)):
                left_out = None if without is None else int(without[start + k])
                yield self._chosen(float(own[k]), products[k], number, left_out)

    def _products(self, block: NDArray[np.float64], found: NDArray[np.float64]) -> NDArray[np.float64]:
        step = block_rows(self._rows.shape[1])
        for start in range(0, len(self._targets), step):
            rows = self._rows[self._targets[start : start + step]].astype(np.float64)
            np.matmul(block, rows.T, out=found[:, start : start + step])
        return found

    def _chosen(
        self, own: float, products: NDArray[np.float64], number: int, left_out: int | None
    ) -> NDArray[np.int64]:
        norms = self._norms + own
        margin = norms * self._error + UNDERFLOW
        squared = np.subtract(norms, 2 * products, out=norms)
        highest, lowest = squared + margin, squared - margin
        if left_out is not None:
            place = int(np.searchsorted(self._targets, left_out))
            if place < len(self._targets) and self._targets[place] == left_out:
                highest[place] = lowest[place] = np.inf
        if number < len(highest):
            limit = float(np.partition(highest, number - 1)[number - 1])
        else:
            limit = float(np.max(highest, initial=0.0, where=np.isfinite(highest)))
        chosen: NDArray[np.int64] = self._targets[lowest <= limit * ORDER]
        return chosen
