"""Median smoothing: how far an attack can move the median of a noisy quantity (Chiang et al. 2020)."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from smoothgen.certificates.bounds.bands import clopper_pearson_upper
from smoothgen.certificates.bounds.rounding import RELATIVE_SLACK, round_down

EVENTS: Final = 3
"""How many events share alpha: the cell below is false, the cell above is false, or the radius is too large."""


def median_cell_radius(
    drawn: NDArray[np.float64], edges: tuple[float | None, float], sigma: float, alpha: float, slack: float
) -> float:
    """Returns the largest ε for which both tails of the cell are provably at most ½ under any attack within ε.

    That is Φ(Φ⁻¹(tail + slack) + ε/σ) + slack ≤ ½ for the larger tail. Rounded down, in units of x; 0 where there is no
    such ε. P(the radius is too large) ≤ alpha over the draws.

    drawn: the quantity at m independent noisy copies of x, shape (m,). edges: the cell (lower, upper]; None where it
    has no lower edge. sigma: of the noise, in units of x. slack: total variation between the noise as computed and
    ideal noise.

    Proof: docs/theory/adaptive.md, "(b) σ per prompt, and its choice certified".
    """
    lower, upper = edges
    m, share = len(drawn), alpha / EVENTS
    above = _tail(int(np.count_nonzero(drawn > upper)), m, share)
    below = 0.0 if lower is None else _tail(int(np.count_nonzero(drawn <= lower)), m, share)
    tail = max(above, below) + slack
    if not tail < 0.5 - slack:
        return 0.0
    r = float(ndtri(0.5 - slack) - ndtri(tail)) if slack else -float(ndtri(tail))
    return round_down(sigma * r * (1 - RELATIVE_SLACK))


def _tail(count: int, m: int, alpha: float) -> float:
    """Returns the upper bound on the probability of an event that happened `count` times in m draws."""
    if count == m:
        return 1.0
    return float(clopper_pearson_upper(np.array([count]), m, np.array([alpha]))[0])
