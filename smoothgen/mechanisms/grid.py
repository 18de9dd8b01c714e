"""The public grid on which a noisy number reaches the generator (docs/theory/numerics.md).

The sum x + η of two doubles reveals x: noise from a counter takes finitely many values, so the sums form a lattice that
names x, and a generator can recognise it. What a generator receives is therefore the sum rounded to a grid that does
not depend on x. On the grid, the law of the noise that is computed and that of ideal Gaussian noise differ by at most
`slack_per_number` in total variation, for every x.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_STEP_BITS: Final = 16
_QUANTILE_ERROR: Final = 2e-15
"""Relative, of the computed Φ⁻¹: the largest error seen against 40 digits is below 1e-15 (tests/statistics)."""
_UNIT: Final = 2.0**-53


def grid_step(sigma: float) -> float:
    """Returns the grid's step for noise of level sigma: the smallest power of two ≥ 2⁻¹⁶·σ.

    Proof: docs/theory/numerics.md, "Noise in finite precision".
    """
    mantissa, exponent = math.frexp(sigma)
    return math.ldexp(1.0, exponent - _STEP_BITS - (mantissa == 0.5))


def on_grid(x: NDArray[Any], noise: NDArray[np.float64], sigma: float) -> NDArray[np.float64]:
    """Returns x + noise rounded to the nearest point of the grid of `sigma`, in double precision.

    x: float32 or double, of the noise's shape or one that broadcasts to it. x is split into a grid point and a rest,
    and only the rest meets the noise: both parts are exact, so the rounding error does not grow with x.

    Proof: docs/theory/numerics.md, "Noise in finite precision".
    """
    step = grid_step(sigma)
    steps = np.asarray(x, dtype=np.float64) / step  # exact: the step is a power of two
    nearest = np.rint(steps)
    rounded: NDArray[np.float64] = step * (nearest + np.rint((steps - nearest) + noise / step))
    return rounded


def slack_per_number(sigma: float, relative_error: float = 0.0) -> float:
    """Returns β₀: how far, in total variation, one number on the grid is at most from ideal noise rounded to it.

    (17s + 3)·2⁻⁵³ counts the 2⁵² values of the uniform; c·(0.8s + 0.5) + 2⁻⁵³ bounds what the errors of Φ⁻¹, of the
    product σ·z and of the sum can carry over a cell's edge. s = σ/step, 2¹⁵ < s ≤ 2¹⁶.

    relative_error: what else the noise is off by, relative to σ·(1 + |z|).

    Proof: docs/theory/numerics.md, "Noise in finite precision".
    """
    s = sigma / grid_step(sigma)
    error = _QUANTILE_ERROR + 3 * _UNIT
    carried = error * (0.8 * s + 0.5) + _UNIT + relative_error * (1.8 * s + 1)
    return ((17 * s + 3) * _UNIT + carried) * (1 + 1e-9)
