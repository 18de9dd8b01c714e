"""The cost of a token sequence: the norm that an attack needs at least before a snapped prompt can become it."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from smoothgen.certificates.evidence import LARGEST_BOUND
from smoothgen.certificates.packing import numbers
from smoothgen.errors import InvalidDistances

_SLACK: Final = 1e-13
"""Relative, taken off after each of the three steps below. Each is a handful of double operations, and `math.hypot` is
within an ulp for any number of terms."""


def certified_cost(differences: ArrayLike, u: float = 0.0) -> float:
    """Returns a lower bound, rounded down, on the l2 norm of every attack that changes these positions to these rows.

    The cost is sqrt(Σ_i ((‖Δ_i‖² − u)₊ / (2‖Δ_i‖))²). Proof: docs/theory/exhaustion.md, "What an attack can reach", and
    docs/theory/exhaustion.md, "The snap as it is computed". With u = 0 the cost is half the norm of all differences
    together.

    Args:
        differences: Δ_i, shape (changed positions, d): the row the sequence has there less the row of the prompt, in
            embedding units, subtracted in double precision. No positions cost 0.
        u: how far the comparison that the snap makes can err: at most this much between the computed and the true
            ‖x − e_j‖² − ‖x − e_t‖², for every x that an attack within the radius can send. Where each squared distance
            errs by v, u = 2v. 0 takes the snap to be exact.

    Raises:
        InvalidDistances for differences of another shape or beyond 10³⁰, and for a u that is negative or not finite.
    """
    rows = numbers(differences, "differences")
    if rows.size == 0 and rows.ndim in (1, 2):
        rows = rows.reshape(0, 1)
    if rows.ndim != 2 or not (np.abs(rows) <= LARGEST_BOUND).all():  # refuses NaN too
        raise InvalidDistances(
            f"differences must be numbers up to {LARGEST_BOUND:g}, of shape (changed positions, dimension), got shape "
            f"{rows.shape}; give one row e_j − e_t for every position that changes",
            field="differences",
        )
    if not (math.isfinite(u) and u >= 0):
        raise InvalidDistances(f"u must be a finite number of at least 0, got {u!r}", field="u")
    return _down(math.hypot(*(_half(row, float(u)) for row in rows.tolist())))


def _half(row: list[float], u: float) -> float:
    """Returns (‖Δ‖² − u)₊ / (2‖Δ‖), rounded down: it rises with ‖Δ‖, so a norm below the true one gives no larger
    value."""
    norm = _down(math.hypot(*row))
    if norm == 0:
        return 0.0
    return _down(max(0.0, norm - u / norm * (1 + _SLACK)) / 2)


def _down(value: float) -> float:
    return max(0.0, math.nextafter(value * (1 - _SLACK), 0.0))
