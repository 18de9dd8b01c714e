"""The l2 ball of an attack: every displacement that is made here stays inside it exactly, rounding included."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from smoothgen.errors import InvalidEpsilon

Array = NDArray[np.float64]
_UNIT = float(np.finfo(np.float64).eps)


def within(delta: Array, epsilon: float) -> Array:
    """Returns the displacement where its norm is at most epsilon, else scaled into the ball, shape of delta.

    The exact norm of the result is at most epsilon: the computed norm of d numbers is off by less than d + 8 roundings,
    and as much is left free. Raises InvalidEpsilon unless epsilon ≥ 0 and every number is finite.
    """
    _require(delta, epsilon)
    inside = epsilon * (1 - _margin(delta))
    norm = length(delta)
    return delta.copy() if norm <= inside else delta * (inside / norm)


def onto(delta: Array, epsilon: float) -> Array:
    """Returns the displacement at the largest norm that `within` allows, in the same direction; zero stays zero."""
    _require(delta, epsilon)
    norm = length(delta)
    return np.zeros_like(delta) if norm == 0 else within(delta * (epsilon / norm), epsilon)


def displaced(x: NDArray[np.floating], delta: Array, epsilon: float) -> Array:
    """Returns x + delta in double precision, such that the exact norm of (result − x) is at most epsilon.

    The sum is rounded too, by at most one unit of each number; that much is taken off the ball. Where epsilon is
    smaller than these units, x itself is returned. Raises InvalidEpsilon as `within`.
    """
    exact = x.astype(np.float64)
    rounded = _UNIT * length(np.abs(exact) + np.abs(delta)) * (1 + _margin(delta))
    if epsilon <= rounded:
        return exact
    return exact + within(delta, epsilon - rounded)


def length(delta: Array) -> float:
    """Returns the l2 norm of all numbers together, without overflow or underflow on the way."""
    largest = float(np.abs(delta).max(initial=0.0))
    return 0.0 if largest == 0 else largest * float(np.linalg.norm(delta / largest))


def _margin(delta: Array) -> float:
    return (delta.size + 8) * _UNIT


def _require(delta: Array, epsilon: float) -> None:
    if not (math.isfinite(epsilon) and epsilon >= 0):
        raise InvalidEpsilon(f"epsilon must be a finite number of at least 0, got {epsilon!r}", field="epsilon")
    if not np.isfinite(delta).all():
        raise InvalidEpsilon(
            "an attack has a number that is not finite; its gradient overflowed: take a smaller step", field="delta"
        )
