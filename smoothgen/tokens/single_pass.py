"""Which rows can be among the nearest of a point: a first pass in single precision that never loses one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from smoothgen.tokens.candidates import ORDER
from smoothgen.tokens.distances import BLOCK_BYTES

_PRODUCT_BYTES: Final = 2**26
_UNIT: Final = 2.0**-24
_WIDEST: Final = 2**16
_LARGEST_SQUARE: Final = 2.0**100
"""The largest ‖row‖² and ‖point‖²: products of such rows and points are far from the largest number of float32."""
_UNDERFLOW: Final = 2.0**-60


class SinglePass:
    """Finds, for points, the targets that may be among the `number` nearest, in a third of the time that `Candidates`
    takes in double, and less.

    Memory at work: products of 64 MiB, or 4 bytes a row where that is more; 40 bytes a row; for a table of 16 bits,
    rows of 16 MiB.
    """

    def __init__(self, rows: NDArray[Any], targets: NDArray[np.int64], norms: NDArray[np.float64]) -> None:
        """rows: (V, width). targets: ids. norms: of `squared_norms`, of all rows."""
        self._rows = rows
        relative = (rows.shape[1] + 4) * _UNIT * (1 + 2.0**-6)
        self._low, self._high = 1 - relative, 1 + relative
        self._lowest, self._highest = np.full((2, len(rows)), np.inf)
        self._lowest[targets] = norms[targets] * self._low
        self._highest[targets] = norms[targets] * self._high
        self._fits = rows.shape[1] <= _WIDEST and float(norms.max(initial=0.0)) <= _LARGEST_SQUARE

    def takes(self, points: NDArray[Any]) -> bool:
        """Returns whether single precision can hold the products with these points, (points, width)."""
        if not self._fits or not len(points):
            return False
        largest = float(np.abs(points).max())
        return bool(largest * largest * points.shape[1] <= _LARGEST_SQUARE)

    def of(
        self, points: NDArray[Any], number: int, without: NDArray[np.int64] | None = None
    ) -> Iterator[NDArray[np.int64]]:
        """Yields what `FirstPass.of` says, only for points that it takes.

        Proof that none is lost: docs/theory/neighbours.md, "Numerics".
        """
        together = max(1, _PRODUCT_BYTES // (4 * len(self._rows)))
        room = np.empty(len(self._rows))
        found = np.empty((min(together, len(points)), len(self._rows)), dtype=np.float32)
        for start in range(0, len(points), together):
            block = np.asarray(points[start : start + together], dtype=np.float64)
            own = np.square(block).sum(axis=1)
            products = self._doubled_products(block.astype(np.float32), found[: len(block)])
            for k in range(len(block)):
                left_out = None if without is None else int(without[start + k])
                yield self._chosen(float(own[k]), products[k], number, left_out, room)

    def _doubled_products(self, block: NDArray[np.float32], found: NDArray[np.float32]) -> NDArray[np.float32]:
        """Returns twice the products with all rows, shape (points, rows), in `found`."""
        step = len(self._rows) if self._rows.dtype == np.float32 else max(1, BLOCK_BYTES // (4 * self._rows.shape[1]))
        for start in range(0, len(self._rows), step):
            rows = self._rows[start : start + step].astype(np.float32, copy=False)
            np.matmul(block, rows.T, out=found[:, start : start + step])
        found *= np.float32(2)
        return found

    def _chosen(
        self, own: float, doubled: NDArray[np.float32], number: int, left_out: int | None, room: NDArray[np.float64]
    ) -> NDArray[np.int64]:
        highest = np.subtract(self._highest, doubled, out=room)
        if left_out is not None:
            highest[left_out] = np.inf
        limit = _smallest(highest, number) + own * self._high + _UNDERFLOW
        least = np.subtract(self._lowest, doubled, out=room)
        if left_out is not None:
            least[left_out] = np.inf
        within = least <= limit * ORDER - own * self._low + _UNDERFLOW
        within &= least < np.inf
        chosen: NDArray[np.int64] = np.flatnonzero(within)
        return chosen


def _smallest(numbers: NDArray[np.float64], rank: int) -> float:
    """Returns the number of this rank, the least having rank 1; infinite where there are fewer."""
    if rank == 1:
        return float(numbers.min())
    return float(np.partition(numbers, rank - 1)[rank - 1]) if rank <= len(numbers) else np.inf
