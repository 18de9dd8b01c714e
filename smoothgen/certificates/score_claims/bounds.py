"""From the scores of samples to what no attack of a given norm can do to them: a curve, and a radius."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from smoothgen.certificates.bounds.bands import SurvivalBand
from smoothgen.certificates.bounds.radius import LARGEST_RADIUS_IN_SIGMAS
from smoothgen.certificates.bounds.rounding import RELATIVE_SLACK, round_down
from smoothgen.certificates.bounds.shift_bounds import ShiftBounds
from smoothgen.certificates.evidence import Evidence
from smoothgen.certificates.score_claims.asked import AskedClaim

_HALVINGS: Final = 48
"""Steps of the radius search: below 10⁻¹⁰ of the largest radius to start from, nothing is gained by more."""


class ScoreCurve:
    """What a claim on a score becomes under attack, as a function of ε, from one band on its series.

    With g the series of the claim, in [0, w], and p̄_t ≥ P(g > t) for all t together, every attack of r = ε/σ leaves
    E_Q[g] ≤ ∫₀^w min(1, Φ(Φ⁻¹(p̄_t) + r)) dt. For an event g is 0 or 1 and this is Φ(Φ⁻¹(p̄) + r). The rounding slack
    of the noise is in p̄_t and once more in each probability under attack.

    Proof: docs/theory/scores.md, "A mean stays", and docs/theory/scores.md, "Shares and quantiles stay".
    """

    def __init__(self, claim: AskedClaim, survival: SurvivalBand, bounds: ShiftBounds) -> None:
        self.claim, self._bounds = claim, bounds
        self._levels, self._lengths = survival.levels, np.diff(survival.edges)

    def full(self, epsilon: float) -> float:
        """Returns the bound at an attack norm in the claim's own terms, full digits, past the error of its
        arithmetic."""
        return self.claim.full(self._integral(epsilon))

    def at(self, epsilon: float) -> float:
        """Returns the bound at an attack norm in the claim's own terms, as a certificate prints it."""
        return self.claim.stated(self._integral(epsilon))

    def holds_at(self, epsilon: float) -> bool:
        """Returns whether the printed bound at an attack norm is what was asked."""
        return self.claim.met_by(self.at(epsilon))

    def _integral(self, epsilon: float) -> float:
        attacked: NDArray[np.float64] = self._bounds.attacked(self._levels, epsilon)
        return min(self.claim.width, float((attacked * self._lengths).sum()) * (1 + RELATIVE_SLACK))

    def points(self, epsilons: Sequence[float]) -> tuple[tuple[float, float], ...]:
        """Returns (epsilon, printed bound) pairs."""
        return tuple((epsilon, self.at(epsilon)) for epsilon in epsilons)

    @property
    def furthest(self) -> float:
        """Returns the attack norm at which the search for a radius ends."""
        return min(self._bounds.mechanism.epsilon(LARGEST_RADIUS_IN_SIGMAS), self._bounds.reach)


def claim_curve(claim: AskedClaim, evidence: Evidence, bounds: ShiftBounds, *, alpha: float) -> ScoreCurve:
    """Returns the curve of a claim. evidence: its series over the samples. alpha: the claim's share.

    A failed sample has the worst value. Proof: docs/theory/scores.md, "Failed samples".
    """
    return ScoreCurve(claim, bounds.survival(claim.band, evidence.ordered(claim.width), claim.width, alpha), bounds)


def score_radius(curve: ScoreCurve) -> float | None:
    """Returns the largest nine-digit ε found at which the printed bound is what was asked; None where not even at 0.

    The bound only worsens with ε, so it holds for every smaller norm as well. The end that is returned was computed and
    compared itself. Proof: docs/theory/scores.md, "The radius of a claim".
    """
    if not curve.holds_at(0.0):
        return None
    low, high = 0.0, round_down(curve.furthest)
    if curve.holds_at(high):
        return high
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if curve.holds_at(round_down(middle)) else (low, middle)
    return round_down(low)
