"""The search for the certified radius: the largest epsilon whose printed bound is within the tolerance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from smoothgen.certificates.bounds.bands import SurvivalBand
from smoothgen.certificates.bounds.rounding import round_down, round_up
from smoothgen.certificates.bounds.shift_bounds import ShiftBounds
from smoothgen.certificates.bounds.theorems import total_variation_radius
from smoothgen.mechanisms.scale import LARGEST_SHIFT_IN_SIGMAS

LARGEST_RADIUS_IN_SIGMAS: Final = LARGEST_SHIFT_IN_SIGMAS / 2
"""Where the radius search ends: TV is 1 to the last bit from 17σ on, so a bound still below the tolerance here stays
below it for ever, and the radius is stated as 64σ."""
_DOUBLINGS_AT_ONCE: Final = 2


class BoundCurve:
    """The W₁ bound of one band by one method as a function of ε.

    Values are computed many at a time and remembered: a call for one epsilon costs nearly as much as one for ten.
    Proof: docs/theory/bounds.md, "The bound that is reported".
    """

    def __init__(self, survival: SurvivalBand, bounds: ShiftBounds) -> None:
        self.survival, self.bounds = survival, bounds
        self._known: dict[float, float] = {}

    def at(self, epsilons: Sequence[float]) -> list[float]:
        """Returns the bound at every epsilon in full digits, past the error of its arithmetic."""
        unknown = [e for e in dict.fromkeys(epsilons) if e not in self._known]
        if unknown:
            values = self.bounds.w1(self.survival, np.array(unknown))
            self._known.update(zip(unknown, values.tolist(), strict=True))
        return [self._known[e] for e in epsilons]

    def printed(self, epsilons: Sequence[float]) -> list[float]:
        """Returns the bound at every epsilon as a certificate prints it: nine digits, rounded up."""
        return [round_up(value) for value in self.at(epsilons)]


def certified_radius(curve: BoundCurve, tolerance: float, *, sampled: bool) -> float:
    """Returns ε_c, the largest epsilon found whose printed bound is at most the tolerance, within the curve's reach.

    The bound is the smaller of increasing ones, so the radius is the largest of theirs: T4's stands beside the search,
    which is for the bounds that the noise gives. Proof: docs/theory/bounds.md, "From bounds to a radius".
    """
    radius = safe_radius(curve, tolerance) if sampled else universal_radius(curve, tolerance)
    if curve.bounds.lipschitz is not None:
        radius = max(radius, min(curve.bounds.lipschitz.radius(tolerance), curve.bounds.reach))
    return radius


def safe_radius(curve: BoundCurve, tolerance: float) -> float:
    """Returns the largest 9-digit epsilon found whose printed bound is at most the tolerance: the search's safe end.

    Proof: docs/theory/bounds.md, "From bounds to a radius".
    """
    # The import stands here because scipy.optimize would be a third of the time `import smoothgen` takes.
    from scipy.optimize import brentq

    def proven(epsilon: float) -> bool:
        return curve.printed([round_down(epsilon)])[0] <= tolerance

    high = min(curve.bounds.mechanism.epsilon(LARGEST_RADIUS_IN_SIGMAS), curve.bounds.reach)
    # T1 alone gives the lower end of the bracket; a bound that has levelled off may print one unit above it.
    ideal = curve.bounds.ideal_share(tolerance) / curve.bounds.diameter
    low = min(high, curve.bounds.mechanism.epsilon(total_variation_radius(ideal) * (1 - 1e-7)))
    # The search below asks for these first, so they are computed at once.
    ends = [low * 2**k for k in range(_DOUBLINGS_AT_ONCE + 1)]
    curve.at([*ends, *map(round_down, [*ends, high])])
    if proven(high):
        return round_down(high)
    while low > 0 and not proven(low):
        low /= 2
    if low == 0:
        return 0.0
    while 2 * low < high and proven(2 * low):
        low *= 2
    high = min(high, 2 * low)

    # The curve is let go of below: scipy wraps a function in a cycle, which would keep the arrays until garbage is
    # collected.
    held = [curve]

    # Numbers are in units of `low` and of the tolerance, so that no scale is too small for the solver, which only
    # proposes.
    def excess(factor: float) -> float:
        return held[0].at([factor * low])[0] / tolerance - 1

    top = high / low
    if excess(1.0) < 0 < excess(top):
        root = brentq(excess, 1.0, top, xtol=1e-11, rtol=1e-11, disp=False)
        held.clear()
        for step in (1e-11, 1e-10, 1e-9, 1e-8, 1e-7):
            if proven(low * (root - step)):
                return round_down(low * (root - step))
    # Where the bound is flat to the digits that are printed, `proven` itself is bisected.
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if proven(middle) else (low, middle)
    return round_down(low)


def universal_radius(curve: BoundCurve, tolerance: float) -> float:
    """Returns the radius where T1 is the whole bound: solved in closed form, then checked against the printed bound.

    Proof: docs/theory/bounds.md, "From bounds to a radius".
    """
    # This is the tolerance as it can be printed, less what the bound's own slack and its last roundings may add.
    within = curve.bounds.ideal_share(round_down(tolerance)) * (1 - 1e-12)
    epsilon = curve.bounds.mechanism.epsilon(total_variation_radius(within / curve.bounds.diameter))
    for step in (0.0, 1e-12, 1e-9, 1e-6, 1e-3):
        candidate = min(round_down(epsilon * (1 - step)), curve.bounds.reach)
        if curve.printed([candidate])[0] <= tolerance:
            return candidate
    return 0.0  # a tolerance below the smallest bound a double can hold
