"""Generators on the line whose outputs AND sensitivity are step functions of the noisy prompt z, so that the law of
either, at any noise level and under any attack, is a sum of normal CDFs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import ndtr

from smoothgen import SigmaGrid
from tests.support.statistics.closed_form import Array, ClosedForm, step_function

BUDGET = 1.0
GRID = SigmaGrid(1.0, -4, 4)
"""Cell k holds medians in (2^(−(k+1)/2), 2^(−k/2)]."""
SHIFTS = np.linspace(0, 4, 401)


@dataclass(frozen=True, eq=False)
class Sensitive:
    """edges: inner borders in z, shape (k−1,). sensitivities, outputs: shape (k,). The prompt lies at 0, noise for the
    selection has level 1."""

    edges: Array
    sensitivities: Array
    outputs: Array

    def sample_sensitivities(self, rng: np.random.Generator, size: tuple[int, ...], shift: float = 0.0) -> Array:
        """s(x + δ + η′), independent draws."""
        drawn: Array = self.sensitivities[np.searchsorted(self.edges, shift + rng.standard_normal(size))]
        return drawn

    def sensitivity_at_most(self, t: float, shifts: Array) -> Array:
        """Exact P(s(x + δ + η′) ≤ t) for every shift δ."""
        borders = np.concatenate(([-np.inf], self.edges, [np.inf]))
        cells = ndtr(borders[1:, None] - shifts) - ndtr(borders[:-1, None] - shifts)
        at_most: Array = (cells * (self.sensitivities <= t)[:, None]).sum(axis=0)
        return at_most

    @cached_property
    def true_radii(self) -> dict[int, float]:
        """For every cell the least |δ| at which the true median is outside; 4 where it never is up to there."""
        return {k: min(self._leaves(k, sign) for sign in (-1, 1)) for k in range(GRID.first, GRID.last + 1)}

    def _inside(self, k: int, shifts: Array) -> Array:
        """Whether the median under every shift lies in cell k."""
        inside: Array = self.sensitivity_at_most(BUDGET / GRID.level(k), shifts) >= 0.5
        if k < GRID.last:
            inside &= self.sensitivity_at_most(BUDGET / GRID.level(k + 1), shifts) < 0.5
        return inside

    def _leaves(self, k: int, sign: int) -> float:
        inside = self._inside(k, sign * SHIFTS)
        if inside.all() or not inside[0]:
            return float(SHIFTS[-1] if inside[0] else 0.0)
        low, high = SHIFTS[np.argmin(inside) - 1 : np.argmin(inside) + 1]
        for _ in range(40):
            middle = (low + high) / 2
            low, high = (middle, high) if self._inside(k, np.array([sign * middle]))[0] else (low, middle)
        return float(high)

    def served_at(self, sigma: float, centre: float = 0.5) -> ClosedForm:
        """The outputs at a noise level, in its own sigmas."""
        return step_function(self.edges / sigma, self.outputs, centre)


def on_grid(sensitivity: Callable[[Array], Array], output: Callable[[Array], Array], cells: int = 200) -> Sensitive:
    """Both functions read in the middle of 200 cells of [−6, 6]."""
    edges = np.linspace(-6, 6, cells - 1)
    middles = np.concatenate(([-6.0], (edges[:-1] + edges[1:]) / 2, [6.0]))
    return Sensitive(edges, sensitivity(middles), np.clip(output(middles), 0, 1))


def of_steps(edges: list[float], sensitivities: list[float]) -> Sensitive:
    """Few steps; what is put out rises with z."""
    values = np.linspace(0.2, 0.8, len(sensitivities))
    return Sensitive(np.array(edges), np.array(sensitivities), values)


# 0.9 lies in cell 0; 3 above it, 0.5 below it, 100 above every cell.
TAIL = 1.2
RISING = on_grid(lambda z: 0.84 * np.exp(z / 4), lambda z: 0.5 + 0.4 * np.tanh(z))
GENERATORS = {
    "heavier above": of_steps([TAIL], [0.9, 3.0]),
    "heavier below": of_steps([-TAIL], [0.5, 0.9]),
    "heavy on both sides": of_steps([-TAIL, TAIL], [0.5, 0.9, 3.0]),
    "hardly inside, above": of_steps([0.02], [0.9, 3.0]),
    "hardly inside, below": of_steps([-0.02], [0.5, 0.9]),
    "hardly above the grid": of_steps([-0.02], [3.9, 100.0]),
    "flat": of_steps([TAIL], [1e-6, 3.0]),
    "rising": RISING,
}
