"""Claims on scores without noise: what holds of every token sequence that an attack can reach (exhaustive/v1)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from smoothgen.certificates.bounds.rounding import round_down
from smoothgen.certificates.score_claims.asked import AskedClaim
from smoothgen.errors import InvalidDistances


@dataclass(frozen=True, eq=False)
class ScoredRuns:
    """A claim and its series over the runs, the prompt's own first, in order of cost.

    costs: as in the certificate's evidence, shape (n,). next_cost: at most the cost of every sequence that was not run,
    None where there is no other. series: how bad each run is, in [0, width], shape (n,); +inf marks a failed run, which
    counts as the worst.

    Given the generator's randomness each prompt has one output, so mean, share and quantile are read off that output:
    the claim holds below the cost of the first run that is not as asked.

    Proof: docs/theory/scores.md, "Without noise".
    """

    asked: AskedClaim
    costs: NDArray[np.float64]
    next_cost: float | None
    series: NDArray[np.float64]

    @classmethod
    def from_values(
        cls,
        asked: AskedClaim,
        values: Sequence[float] | NDArray[np.float64],
        costs: NDArray[np.float64],
        next_cost: float | None,
    ) -> ScoredRuns:
        """Returns the claim on runs of these scores. Raises InvalidDistances unless there is one for each cost."""
        bad = asked.series(values)
        if bad.shape != costs.shape:
            raise InvalidDistances(
                f"{asked.named} needs a score for each of {len(costs)} runs, got shape {bad.shape}", field="scores"
            )
        return cls(asked, costs, next_cost, np.where(np.isnan(bad), math.inf, bad))

    def __eq__(self, other: object) -> bool:
        """Returns whether the claims, the costs and the series are equal, run by run."""
        if not isinstance(other, ScoredRuns):
            return NotImplemented
        same = (self.asked, self.next_cost) == (other.asked, other.next_cost)
        return same and np.array_equal(self.costs, other.costs) and np.array_equal(self.series, other.series)

    def __hash__(self) -> int:
        return hash((self.next_cost, self.series.tobytes()))

    @cached_property
    def _worst(self) -> NDArray[np.float64]:
        """Returns the worst of the runs up to each, shape (n,)."""
        return np.maximum.accumulate(np.minimum(self.series, self.asked.width))

    @property
    def failed(self) -> int:
        """Returns how many runs have no score."""
        return int(np.count_nonzero(np.isinf(self.series)))

    @cached_property
    def broken_by(self) -> int | None:
        """Returns the place of the first run that is not as asked; None where all are."""
        levels = np.unique(self._worst)
        bad = [level for level in levels.tolist() if not self._met(level)]
        return int(np.searchsorted(self._worst, bad[0])) if bad else None

    @property
    def radius(self) -> float:
        """Returns the l2 norm STRICTLY below which the claim holds, rounded down; infinite where nothing ends it."""
        place = self.broken_by
        ends = [self.next_cost, None if place is None else float(self.costs[place])]
        return min((round_down(end) for end in ends if end is not None), default=math.inf)

    def at(self, epsilon: float) -> float:
        """Returns the worst that attacks of l2 norm ≤ epsilon can reach, in the claim's own terms, rounded outward."""
        if self.next_cost is not None and self.next_cost <= epsilon:
            return self.asked.stated(self.asked.width)
        return self.asked.stated(float(self._worst[np.searchsorted(self.costs, epsilon, side="right") - 1]))

    def below(self, radius: float) -> float:
        """Returns the worst that attacks of l2 norm strictly below `radius` > 0 can reach, rounded outward."""
        return self.asked.stated(float(self._worst[np.searchsorted(self.costs, radius, side="left") - 1]))

    def curve(self) -> tuple[tuple[float, float], ...]:
        """Returns (epsilon, bound) where the bound worsens; each holds from epsilon on, up to the next."""
        points: dict[float, float] = {}
        rises = np.flatnonzero(np.diff(self._worst, prepend=-1.0) > 0)
        for cost, worst in zip(self.costs[rises].tolist(), self._worst[rises].tolist(), strict=True):
            points[round_down(cost)] = self.asked.stated(worst)
        if self.next_cost is not None and self._worst[-1] < self.asked.width:
            points[round_down(self.next_cost)] = self.asked.stated(self.asked.width)
        return tuple(points.items())

    def _met(self, level: float) -> bool:
        return self.asked.met_by(self.asked.stated(level))


@dataclass(frozen=True)
class ExactClaim:
    """What holds of a claim on a score without noise. All follows from the runs; `verify` derives it again.

    radius: for attacks of l2 norm STRICTLY below it the claim holds; 0 where the prompt's own output breaks it. bound:
    at the asked epsilon, attacks of exactly that norm included; where none was asked, for all below the radius.
    broken_by: the place of the run that ends the claim, None where none does.

    Proof: docs/theory/scores.md, "Without noise".
    """

    runs: ScoredRuns
    radius: float
    bound: float
    curve: tuple[tuple[float, float], ...]
    broken_by: int | None

    @property
    def asked(self) -> AskedClaim:
        """Returns what is asked."""
        return self.runs.asked

    def holds_at(self, epsilon: float | None) -> bool:
        """Returns whether the claim holds at the asked epsilon; without one, at any norm at all."""
        return self.asked.met_by(self.bound) if epsilon is not None else self.radius > 0


def derive_exact(runs: ScoredRuns, epsilon: float | None) -> ExactClaim:
    """Returns what the runs prove of a claim. epsilon: the norm asked for, None for the radius.

    Proof: docs/theory/scores.md, "Without noise".
    """
    radius = runs.radius
    asked = epsilon if epsilon is not None else 0.0 if radius == 0 else None
    bound = runs.below(radius) if asked is None else runs.at(asked)
    return ExactClaim(runs, radius, bound, runs.curve(), runs.broken_by)
