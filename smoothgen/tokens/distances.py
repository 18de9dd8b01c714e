"""Squared distances in double precision, and what is subtracted from them to make them bounds.

Proofs: docs/theory/neighbours.md, "Numerics". All hold for rows of at most LARGEST_WIDTH numbers.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

UNIT: Final = 2.0**-53
LARGEST_WIDTH: Final = 2**20
_SMALLEST: Final = 2.0**-900
BLOCK_BYTES: Final = 2**24
"""Bytes of doubles that one block of rows takes while it is worked on."""


def direct_squared(rows: NDArray[Any], ids: NDArray[np.int64], point: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns the computed ‖rows[i] − point‖² of every id, shape (ids,), as sums of squared differences.

    Each is off by at most `direct_error(width)` of itself. A row's value does not depend on the other ids.
    """
    found = np.empty(len(ids))
    step = block_rows(rows.shape[1])
    for start in range(0, len(ids), step):
        differences = rows[ids[start : start + step]].astype(np.float64)
        differences -= point
        np.square(differences, out=differences)
        found[start : start + step] = differences.sum(axis=1)
    return found


def direct_error(width: int) -> float:
    """Returns a bound of the relative error of `direct_squared`: (width + 4) units of 2⁻⁵³."""
    return (width + 4) * UNIT


def expansion_error(width: int) -> float:
    """Returns a bound of the error of ‖a‖² + ‖b‖² − 2⟨a, b⟩ as computed, relative to ‖a‖² + ‖b‖² as computed."""
    return (2 * width + 16) * UNIT


def snap_error(width: int) -> float:
    """Returns u/‖Δ‖²: by how much, relative to the squared distance of two rows, the snap can err in comparing them."""
    return direct_error(width)


def cost_difference(width: int) -> float:
    """Returns by how much, relative to itself, a cost can differ from what another machine computes for the sequence.

    Each direct distance errs by at most `direct_error`, and the root halves it; the other steps are within 16 units.
    For a snap with no absolute error of its own.
    """
    return 2 * direct_error(width) + 16 * UNIT


def least_squared_reach(computed: NDArray[np.float64], width: int, absolute_error: float = 0.0) -> NDArray[np.float64]:
    """Returns lower bounds of ((‖Δ‖² − u)₊/(2‖Δ‖))² from squared distances as `direct_squared` computed them.

    That is the least squared norm of an attack on one position that makes the snap choose the row at distance ‖Δ‖.
    u = snap_error·‖Δ‖² + absolute_error; the latter, in squared units of the embedding, is for a snap that is computed
    elsewhere, and errs by more than TokenTable.snap. 0 where rows cannot be told apart.
    """
    error = direct_error(width)
    least = computed * (1 - 2 * error)
    margin = np.maximum(least * (1 - 2 * snap_error(width)) - absolute_error, 0.0)
    reach: NDArray[np.float64] = np.zeros_like(computed)
    apart = margin > 0
    reach[apart] = margin[apart] * (margin[apart] / (4 * least[apart])) * (1 - 16 * UNIT)
    reach[reach < _SMALLEST] = 0.0  # below, the next steps would lose digits
    return reach


def block_rows(width: int) -> int:
    """Returns how many rows of doubles one block holds."""
    return max(1, BLOCK_BYTES // (8 * max(width, 1)))


def comparison_error(width: int, largest_cost: float) -> float:
    """Returns how far the snap's comparison of two squared distances errs at most, for rows that an attack of this cost
    can reach: (width + 4)·2⁻⁵³·‖Δ‖² with ‖Δ‖ ≤ 2·cost, rounded up (docs/theory/neighbours.md)."""
    return (width + 4) * 2.0**-53 * (2 * largest_cost) ** 2 * (1 + 1e-6)
