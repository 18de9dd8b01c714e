"""The public grid of a fleet: a distance becomes one byte before anybody has seen another.

The thresholds are fixed here, for every model and every day, so none of them can have been chosen by looking at data.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

from smoothgen.certificates.evidence import LARGEST_BOUND, LEAST_BOUND
from smoothgen.errors import InvalidDistances, InvalidMetric

GRID: Final = "fleet-grid/v1"
OUTSTANDING: Final = 255
"""Submitted and not ended, or lost, or failed after noise was drawn: counts as the worst distance."""
NOT_SERVED: Final = 254
"""Refused by a rule that reads no noise, before any was drawn: not a request of the fleet at all."""

# Decimals written out, not computed: another machine's power function must not move a threshold. From 0.015 to 0.6,
# where pixel RMSE (D = 1) and feature chords (D = 2) lie, a step is a factor of 1.087, so rounding distances up to the
# next threshold costs 4 to 5 %. Below it is 1.47, where a whole step is less than 0.005 of the diameter; above, 1.1.
# fmt: off
_FRACTIONS: Final = (
    0.0, 0.001, 0.00147, 0.00217, 0.00319, 0.0047, 0.00692, 0.0102,
    0.015, 0.0163, 0.0177, 0.0193, 0.021, 0.0228, 0.0248, 0.027, 0.0293, 0.0319, 0.0347, 0.0377, 0.041, 0.0446, 0.0485,
    0.0528, 0.0574, 0.0624, 0.0678, 0.0738, 0.0802, 0.0872, 0.0949, 0.103, 0.112, 0.122, 0.133, 0.144, 0.157, 0.171,
    0.186, 0.202, 0.219, 0.239, 0.259, 0.282, 0.307, 0.334, 0.363, 0.395, 0.429, 0.467, 0.507, 0.552,
    0.6, 0.659, 0.724, 0.795, 0.874, 0.96,
)
# fmt: on
THRESHOLDS: Final = len(_FRACTIONS)


def fleet_thresholds() -> NDArray[np.float64]:
    """Returns t₀ = 0 < t₁ < … < t_{J−1} < 1, fractions of the diameter D, shape (J,). What `GRID` names."""
    return np.array(_FRACTIONS)


def fleet_bin(distance: float, diameter: float) -> int:
    """Returns the least j with distance ≤ t_j·D, J beyond the last threshold: the distance rounded up to the grid.

    Compared as exact rationals, so that no rounding of t_j·D puts a distance one bin too low. NaN and +inf, failed
    measurements, are J. Raises InvalidDistances for a negative distance, InvalidMetric for an impossible diameter.
    """
    require_diameter(diameter)
    if distance < 0:
        raise InvalidDistances(f"a distance must be at least 0, got {distance!r}", field="distance")
    if not math.isfinite(distance):
        return THRESHOLDS
    exact, scale = Fraction(float(distance)), Fraction(float(diameter))
    j = max(0, bisect_left(_FRACTIONS, float(distance) / float(diameter)) - 1)  # the quotient may be off by one ulp
    while j < THRESHOLDS and exact > Fraction(_FRACTIONS[j]) * scale:
        j += 1
    return j


def require_diameter(diameter: float) -> None:
    """Raises InvalidMetric unless the diameter is a number in [1e-30, 1e30], as for any other certificate."""
    if not LEAST_BOUND <= diameter <= LARGEST_BOUND:  # refuses NaN too
        raise InvalidMetric(
            f"diameter must be a positive finite number in [{LEAST_BOUND:g}, {LARGEST_BOUND:g}], got {diameter!r}",
            field="diameter",
        )
