"""What follows from the runs: a step function of the attack's norm, and the norms below which something is claimed.

Only comparisons and decimal rounding, so every machine derives the same numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from smoothgen.certificates.bounds.rounding import round_down, round_up
from smoothgen.certificates.exhaustive.evidence import ExhaustiveEvidence
from smoothgen.errors import InvalidEpsilon

WHOLE_SHARE: Final = 1.0
"""Under one draw of the generator's randomness an answer is kept or not: its share is all or nothing."""


@dataclass(frozen=True)
class Keeps:
    """For attacks of l2 norm STRICTLY below `radius`, the prompt's own answer keeps at least this share.

    Proof: docs/theory/exhaustion.md, "What is certified".
    """

    share: float
    radius: float


@dataclass(frozen=True)
class BreakingRun:
    """The first run that breaks the claim. index: its place in the list, the prompt's own is 0. cost: as in the
    evidence. distance: None where the run failed. Proof: docs/theory/exhaustion.md, "What is certified"."""

    index: int
    cost: float
    distance: float | None


@dataclass(frozen=True)
class ExhaustiveClaims:
    """The numbers an exhaustive certificate states. All follow from its evidence; `verify` derives every one again.

    radius: the claim at the tolerance holds for attacks of l2 norm STRICTLY below it; rounded down, embedding units,
    infinite where nothing breaks it and nothing was left out. w1_bound: at the asked epsilon, attacks of exactly that
    norm included; where none was asked, for all attacks strictly below the radius. curve: (epsilon, bound) where the
    bound rises: it holds from that norm on, up to the next. keeps: how long the answer stays. broken_by: None where
    the list ends, or everything holds, before a run breaks the claim.

    Proof: docs/theory/exhaustion.md, "What is certified".
    """

    radius: float
    w1_bound: float
    curve: tuple[tuple[float, float], ...]
    keeps: tuple[Keeps, ...]
    broken_by: BreakingRun | None


@dataclass(frozen=True)
class Steps:
    """The bound on W₁ as a function of the attack's norm, from the evidence.

    Proof: docs/theory/exhaustion.md, "What is certified".
    """

    evidence: ExhaustiveEvidence

    @cached_property
    def _bounds(self) -> NDArray[np.float64]:
        """Returns the distances with failures at D, shape (n,)."""
        return np.minimum(self.evidence.distances, self.evidence.diameter)

    @cached_property
    def _largest(self) -> NDArray[np.float64]:
        """Returns the largest distance of the runs up to each, shape (n,)."""
        return np.maximum.accumulate(self._bounds)

    def at(self, epsilon: float) -> float:
        """Returns the bound for attacks of l2 norm ≤ epsilon, rounded up, metric units: a sequence AT this cost is
        reachable.

        Raises InvalidEpsilon unless epsilon ≥ 0 and finite.
        """
        if not (math.isfinite(epsilon) and epsilon >= 0):
            raise InvalidEpsilon(f"epsilon must be a finite number of at least 0, got {epsilon!r}", field="epsilon")
        end = self.evidence.next_cost
        if end is not None and end <= epsilon:
            return self._printed(self.evidence.diameter)
        return self._printed(float(self._largest[np.searchsorted(self.evidence.costs, epsilon, side="right") - 1]))

    def below(self, radius: float) -> float:
        """Returns the bound for attacks of l2 norm strictly below `radius` > 0, infinity included, rounded up."""
        end = self.evidence.next_cost
        if end is not None and end < radius:
            return self._printed(self.evidence.diameter)
        return self._printed(float(self._largest[np.searchsorted(self.evidence.costs, radius, side="left") - 1]))

    def first_above(self, tolerance: float) -> int | None:
        """Returns the place of the first run whose bound, as printed, is above `tolerance`; None where there is
        none."""
        # A number rounded up to nine digits is above the tolerance exactly if it was above the tolerance rounded down.
        above = np.flatnonzero(self._bounds > round_down(tolerance))
        return int(above[0]) if above.size else None

    def holds_below(self, index: int | None) -> float:
        """Returns the norm strictly below which no attack reaches run `index` or what was not run: rounded down."""
        ends = [self.evidence.next_cost, None if index is None else float(self.evidence.costs[index])]
        return min((round_down(cost) for cost in ends if cost is not None), default=math.inf)

    def curve(self) -> tuple[tuple[float, float], ...]:
        """Returns (epsilon, bound) where the bound rises, the first at 0: it holds for norms from epsilon on."""
        points: dict[float, float] = {}
        rises = np.flatnonzero(np.diff(self._largest, prepend=-1.0) > 0)
        for cost, largest in zip(self.evidence.costs[rises].tolist(), self._largest[rises].tolist(), strict=True):
            points[round_down(cost)] = self._printed(largest)
        if self.evidence.next_cost is not None and self._largest[-1] < self.evidence.diameter:
            points[round_down(self.evidence.next_cost)] = self._printed(self.evidence.diameter)
        return tuple(points.items())

    def _printed(self, bound: float) -> float:
        return min(round_up(bound), self.evidence.diameter)


def derive_claims(evidence: ExhaustiveEvidence, tolerance: float, epsilon: float | None) -> ExhaustiveClaims:
    """Returns all that follows from the evidence. tolerance: τ in (0, D). epsilon: the norm asked for, None for the
    radius. Proof: docs/theory/exhaustion.md, "What is certified"."""
    steps = Steps(evidence)
    breaking = steps.first_above(tolerance)
    radius = steps.holds_below(breaking)
    asked = epsilon if epsilon is not None else 0.0 if radius == 0 else None
    return ExhaustiveClaims(
        radius=radius,
        w1_bound=steps.below(radius) if asked is None else steps.at(asked),
        curve=steps.curve(),
        keeps=(Keeps(WHOLE_SHARE, steps.holds_below(steps.first_above(0.0))),),
        broken_by=None if breaking is None else _breaking(evidence, breaking),
    )


def _breaking(evidence: ExhaustiveEvidence, index: int) -> BreakingRun:
    distance = float(evidence.distances[index])
    return BreakingRun(index, float(evidence.costs[index]), None if math.isinf(distance) else distance)
