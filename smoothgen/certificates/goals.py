"""What a certificate is asked to prove: that outputs stay within a tolerance, or that an answer keeps a share.

A goal is met at an attack norm or not, and its radius is the largest norm found at which it is met. Both are read from
one band, so whichever goal a job has, all claims of its certificate hold together.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Protocol

from smoothgen.certificates.bounds.keeps import keep_radius, kept_share
from smoothgen.certificates.bounds.radius import BoundCurve, certified_radius


@dataclass(frozen=True)
class GoalWords:
    """What is proven by its full name and by a short one, what is said of one that meets the goal, and what to ask for
    where it is out of reach."""

    quantity: str
    short: str
    enough: str
    remedy: str


_BOUND: Final = GoalWords(
    "W1 bound",
    "bound",
    "within the tolerance",
    "ask for a larger tolerance, a smaller epsilon, more samples or another sigma",
)
_SHARE: Final = GoalWords(
    "share kept",
    "share",
    "at least what was asked",
    "ask to keep a smaller share, for a smaller epsilon, more samples or another sigma",
)


class Goal(Protocol):
    """One claim with a radius. What it proves at a norm is a number: `proven`."""

    def proven(self, curve: BoundCurve, epsilon: float) -> float:
        """Returns what is proven for attacks of norm ≤ epsilon, as a certificate prints it."""
        ...

    def met_by(self, proven: float) -> bool:
        """Returns whether so much is what was asked."""
        ...

    def radius(self, curve: BoundCurve, *, sampled: bool) -> float:
        """Returns the largest epsilon found at which the goal is met, rounded down; 0 where it is met at none."""
        ...

    def best(self, proven: Iterable[float]) -> float:
        """Returns the most favourable of these numbers."""
        ...

    def shortfall(self) -> str:
        """Returns how what is proven misses what was asked, in words."""
        ...

    @property
    def words(self) -> GoalWords:
        """What the number is called in messages."""
        ...


@dataclass(frozen=True)
class W1Within:
    """The outputs' distribution moves by at most `tolerance` in Wasserstein-1, metric units."""

    tolerance: float

    def proven(self, curve: BoundCurve, epsilon: float) -> float:
        """Returns the W₁ bound, rounded up."""
        return curve.printed([epsilon])[0]

    def met_by(self, proven: float) -> bool:
        """Returns whether the bound is within the tolerance."""
        return proven <= self.tolerance

    def radius(self, curve: BoundCurve, *, sampled: bool) -> float:
        """Returns the certified radius at the tolerance."""
        return certified_radius(curve, self.tolerance, sampled=sampled)

    def best(self, proven: Iterable[float]) -> float:
        """Returns the smallest bound."""
        return min(proven)

    def shortfall(self) -> str:
        """Returns how the bound exceeds the tolerance, in words."""
        return f"above the tolerance {self.tolerance!r}"

    @property
    def words(self) -> GoalWords:
        """What a bound is called."""
        return _BOUND


@dataclass(frozen=True)
class AnswerKeeps:
    """The centre's answer keeps at least `share` of the outputs. For two-valued distances."""

    share: float

    def proven(self, curve: BoundCurve, epsilon: float) -> float:
        """Returns the share that is kept, rounded down."""
        return kept_share(curve.survival, curve.bounds, epsilon)

    def met_by(self, proven: float) -> bool:
        """Returns whether so much is at least the share."""
        return proven >= self.share

    def radius(self, curve: BoundCurve, *, sampled: bool) -> float:
        """Returns the radius of the share; 0 without samples, which alone tell what the answer is."""
        return keep_radius(curve.survival, curve.bounds, self.share) if sampled else 0.0

    def best(self, proven: Iterable[float]) -> float:
        """Returns the largest share."""
        return max(proven)

    def shortfall(self) -> str:
        """Returns how the share falls short, in words."""
        return f"below the {self.share!r} to be kept"

    @property
    def words(self) -> GoalWords:
        """What a share is called."""
        return _SHARE
