"""The figures of a report: certified share against radius, the average radius, and the slope C with its offset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from smoothgen.certificates.bounds.rounding import RELATIVE_SLACK, round_up
from smoothgen.errors import InvalidDistances, InvalidParameters


@dataclass(frozen=True)
class Radii:
    """The certified radii of a method over many prompts, one a prompt; an abstention is a radius of None.

    values: units of the attacked vector. Averages of radii mislead, as one huge radius hides many failures: show the
    whole curve of `share_at` beside them. Raises InvalidDistances for no prompts and for radii that are negative or not
    finite.
    """

    values: tuple[float | None, ...]

    def __post_init__(self) -> None:
        if not self.values:
            raise InvalidDistances("radii of one prompt or more are needed, got none", field="values")
        for radius in self.values:
            if radius is not None and not 0 <= radius < float("inf"):
                raise InvalidDistances(f"a radius must be finite and at least 0, got {radius!r}", field="values")

    @property
    def abstained(self) -> int:
        """Returns how many prompts have no radius."""
        return self.values.count(None)

    @property
    def average(self) -> float:
        """Returns the average radius, an abstention counted as 0."""
        return float(self._radii.mean())

    def share_at(self, epsilon: ArrayLike) -> NDArray[np.float64]:
        """Returns the share of prompts certified at every epsilon > 0, shape like epsilon; abstentions are failures."""
        ordered = np.sort(self._radii)
        below = np.searchsorted(ordered, np.asarray(epsilon, dtype=np.float64), side="left")
        share: NDArray[np.float64] = 1 - below / len(ordered)
        return share

    def curve(self) -> tuple[tuple[float, float], ...]:
        """Returns (epsilon, share) wherever the share falls: at each distinct radius above 0, increasing."""
        steps = np.unique(self._radii[self._radii > 0])
        return tuple(zip(steps.tolist(), self.share_at(steps).tolist(), strict=True))

    @property
    def _radii(self) -> NDArray[np.float64]:
        return np.array([0.0 if radius is None else radius for radius in self.values])


@dataclass(frozen=True)
class Line:
    """bound(ε) ≤ slope·ε + offset for every ε in [0, end]. slope: C, metric units per unit of the attacked vector.
    offset: β, metric units. Proof: docs/theory/evaluation.md, "Slope and offset"."""

    slope: float
    offset: float
    end: float


def least_slope(curve: Sequence[tuple[float, float]], offset: float | None = None) -> Line:
    """Returns the least C for which the curve's points prove bound(ε) ≤ C·ε + β at EVERY ε up to the curve's end.

    curve: (ε, bound) pairs of increasing ε, such as `certificate.curve`; the bound is known to increase between them,
    and nothing else. offset: β, at least the bound at the smallest ε above 0, which is the default: between 0 and there
    the points prove no slope. A denser curve gives a smaller C, and no C is proven with β = 0 by points alone. Rounded
    up. Raises InvalidDistances for a curve that does not increase or has fewer than two points above 0,
    InvalidParameters for an offset that is too small.

    Proof: docs/theory/evaluation.md, "Slope and offset".
    """
    points = np.array([point for point in curve if point[0] > 0], dtype=np.float64).reshape(-1, 2)
    epsilons, bounds = points[:, 0], points[:, 1]
    increasing = bool((np.diff(epsilons) > 0).all() and (np.diff(bounds) >= 0).all())
    if len(points) < 2 or not (np.isfinite(points).all() and increasing):
        raise InvalidDistances(
            f"a curve needs two points or more above 0, of increasing epsilon and bound, got {len(points)}: "
            f"{list(curve)[:4]!r}",
            field="curve",
        )
    least = float(bounds[0])
    beta = least if offset is None else offset
    if not beta >= least:  # refuses NaN too
        raise InvalidParameters(
            f"offset must be at least the bound at the smallest epsilon of the curve, {least!r}, got {beta!r}; give a "
            "curve that begins nearer 0 for a smaller one",
            field="offset",
        )
    steepest = float(np.max((bounds[1:] - beta) / epsilons[:-1]))
    slope = round_up(steepest * (1 + RELATIVE_SLACK)) if steepest > 0 else 0.0
    return Line(slope, beta, float(epsilons[-1]))
