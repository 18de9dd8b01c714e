"""A claim on a score as a certificate states it, derived from its evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from smoothgen.certificates.bounds.rounding import round_down
from smoothgen.certificates.bounds.shift_bounds import ShiftBounds
from smoothgen.certificates.evidence import Evidence
from smoothgen.certificates.score_claims.asked import AskedClaim
from smoothgen.certificates.score_claims.bounds import ScoreCurve, claim_curve, score_radius

CURVE_POINTS: Final = 17


@dataclass(frozen=True)
class ScoreClaim:
    """What holds of a claim on a score under attack. All follows from its evidence; `verify` recomputes it.

    evidence: the claim's series over the certification samples, in sample order. radius: the largest attack norm at
    which the claim is proven, rounded down, None where not even the noise alone lets it be proven. bound: at the asked
    epsilon, else at the radius (at 0 where there is none), in the claim's own terms and rounded to the safe side: the
    most that the mean or share can be for at_most, the least for at_least, and of a quantile the share of outputs that
    may lie beyond the asked value. curve: (epsilon, bound) pairs.

    Proof: docs/theory/scores.md, "The radius of a claim".
    """

    asked: AskedClaim
    evidence: Evidence
    radius: float | None
    bound: float
    curve: tuple[tuple[float, float], ...]

    @property
    def holds(self) -> bool:
        """Returns whether the bound that is stated is what was asked."""
        return self.asked.met_by(self.bound)


def derive_score_claim(asked: AskedClaim, evidence: Evidence, curve: ScoreCurve, epsilon: float | None) -> ScoreClaim:
    """Returns what a curve proves of a claim. epsilon: the asked attack norm, None for the radius.

    Proof: docs/theory/scores.md, "The radius of a claim".
    """
    return claim_of_radius(asked, evidence, curve, epsilon, score_radius(curve))


def claim_of_radius(
    asked: AskedClaim, evidence: Evidence, curve: ScoreCurve, epsilon: float | None, radius: float | None
) -> ScoreClaim:
    """Returns what a claim of this radius states. Proof: docs/theory/scores.md, "The radius of a claim"."""
    end = radius or 0.0
    at = end if epsilon is None else epsilon
    steps = {round_down(2 * end * k / (CURVE_POINTS - 1)) for k in range(CURVE_POINTS)}
    points = curve.points(sorted({*steps, end, at}))
    return ScoreClaim(asked, evidence, radius, dict(points)[at], points)


def derive_score_claims(
    asked: Sequence[AskedClaim],
    evidence: Sequence[Evidence],
    bounds: ShiftBounds,
    *,
    alpha: float,
    epsilon: float | None,
) -> tuple[ScoreClaim, ...]:
    """Returns what the samples prove of every claim, each under its own share of alpha.

    alpha: the share of each claim (`claim_share`). bounds: how bounds follow from a band; its diameter is not used.
    Proof: docs/theory/scores.md, "Several claims".
    """
    return tuple(
        derive_score_claim(claim, series, claim_curve(claim, series, bounds, alpha=alpha), epsilon)
        for claim, series in zip(asked, evidence, strict=True)
    )


def failing_at(claims: Sequence[ScoreClaim]) -> str | None:
    """Returns which claims do not hold at the asked epsilon, in words, None where all do."""
    failing = [
        f"claim {place} on score {claim.asked.score.name!r} ({claim.asked.of}) is proven to "
        f"{claim.bound!r} and asked to {claim.asked.limit!r}"
        for place, claim in enumerate(claims, start=1)
        if not claim.holds
    ]
    return "; ".join(failing) or None
