"""Generators whose law, and whose law under any attack, is known exactly.

A generator reads one standard normal u (the noise along the attacked direction, in sigmas) and its own randomness.
u falls into a cell of a partition of the line; each cell has its own law on finitely many outputs. An attack of r
sigmas turns N(0, 1) into N(±r, 1), so every probability is a difference of normal CDFs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ClosedForm:
    """edges: the inner borders of the cells, shape (k−1,). outputs: shape (m,), points of [0, 1]. kernel: shape (k, m),
    the law of the output in each cell. centre: where distances are measured from."""

    edges: Array
    outputs: Array
    kernel: Array
    centre: float

    def law(self, shift: float = 0.0) -> Array:
        """Probability of each output when u ~ N(shift, 1), shape (m,)."""
        return _law(self, float(shift))

    @property
    def distances(self) -> Array:
        """Distance of each output to the centre, shape (m,)."""
        return np.abs(self.outputs - self.centre)

    @property
    def bound(self) -> float:
        """D_c: the farthest any point of [0, 1] can lie from the centre."""
        return max(self.centre, 1 - self.centre)

    def w1(self, shift: float) -> float:
        """Exact W₁ between the honest law and the law attacked by `shift` sigmas: the area between the CDFs."""
        order = np.argsort(self.outputs)
        gaps = np.cumsum((self.law() - self.law(shift))[order])[:-1]
        return float(np.abs(gaps) @ np.diff(self.outputs[order]))

    def worst_w1(self, radius_in_sigmas: float) -> float:
        """The worst attack of norm at most r, over both directions and a grid of norms."""
        norms = radius_in_sigmas * np.array([0.25, 0.5, 0.75, 1.0])
        return max(self.w1(sign * norm) for norm in norms for sign in (-1, 1))

    def survival(self, t: Array, shift: float = 0.0) -> Array:
        """Exact P(R > t), shape like t."""
        ordered, above = _tail(self, float(shift))
        exact: Array = above[np.searchsorted(ordered, t, side="right")]
        return exact

    def sample_distances(self, rng: np.random.Generator, size: tuple[int, ...]) -> Array:
        """Independent draws of R."""
        law = self.law()
        drawn: Array = self.distances[rng.choice(len(law), size=size, p=law / law.sum())]
        return drawn


# Both are asked for once per repeat of a validity test: computed once.


@cache
def _law(generator: ClosedForm, shift: float) -> Array:
    borders = np.concatenate(([-np.inf], generator.edges - shift, [np.inf]))
    left, right = borders[:-1], borders[1:]
    # Differences of the smaller tails, so that rare cells keep their digits.
    cells = np.where(left > 0, ndtr(-left) - ndtr(-right), ndtr(right) - ndtr(left))
    mixed: Array = cells @ generator.kernel
    return mixed


@cache
def _tail(generator: ClosedForm, shift: float) -> tuple[Array, Array]:
    """The distances in increasing order, and the mass at or above each of them (0 beyond the last)."""
    order = np.argsort(generator.distances)
    above = np.cumsum(generator.law(shift)[order][::-1])[::-1]
    return generator.distances[order], np.append(above, 0.0)


def step_function(edges: list[float] | Array, values: list[float] | Array, centre: float) -> ClosedForm:
    """No randomness of its own: one value per cell."""
    outputs, which = np.unique(np.asarray(values, dtype=np.float64), return_inverse=True)
    return ClosedForm(np.asarray(edges, dtype=np.float64), outputs, np.eye(len(outputs))[which], centre)


def _on_grid(function, centre: float, cells: int = 500) -> ClosedForm:
    edges = np.linspace(-6, 6, cells - 1)
    middles = np.concatenate(([-6.0], (edges[:-1] + edges[1:]) / 2, [6.0]))
    return step_function(edges, np.clip(function(middles), 0, 1), centre)


def _with_own_randomness() -> ClosedForm:
    """Each cell mixes three outputs; what shifts with u is only their weights."""
    edges = np.linspace(-4, 4, 81)
    weight = np.linspace(0.02, 0.98, 82)
    kernel = np.stack([(1 - weight) * 0.9, np.full(82, 0.1), weight * 0.9], axis=1)
    return ClosedForm(edges, np.array([0.0, 0.4, 1.0]), kernel, 0.45)


CONSTANT = step_function([0.0], [0.5, 0.5], 0.5)
RARE_STEP = step_function([2.5], [0.0, 1.0], 0.0)
THREE_VALUED = step_function([-1.0, 1.0], [0.0, 0.5, 1.0], 0.5)
TANH = _on_grid(lambda u: 0.5 + 0.5 * np.tanh(2 * u), 0.5)
NARROW = _on_grid(lambda u: 0.5 + 0.02 * u, 0.5)
HEAVY_TAIL = _on_grid(lambda u: np.where(np.abs(u) > 2.6, np.sign(u), 0) * 0.5 + 0.5 + 0.01 * np.tanh(u), 0.5)
ZIGZAG = _on_grid(lambda u: np.round(0.5 + 0.5 * np.sin(4 * u), 1), 0.3)
OWN_RANDOMNESS = _with_own_randomness()

GENERATORS = {
    "constant": CONSTANT,
    "rare step": RARE_STEP,
    "three-valued": THREE_VALUED,
    "tanh": TANH,
    "narrow": NARROW,
    "heavy tail": HEAVY_TAIL,
    "zigzag with ties": ZIGZAG,
    "own randomness": OWN_RANDOMNESS,
}
LABELS = {
    "label, rarely lost": step_function([2.0], [0.0, 1.0], 0.0),
    "label, often lost": step_function([-0.5, 0.5], [1.0, 0.0, 1.0], 0.0),
    "label, never lost": step_function([0.0], [0.0, 0.0], 0.0),
    "label, always lost": step_function([0.0], [1.0, 1.0], 0.0),
}


def random_generator(rng: np.random.Generator) -> ClosedForm:
    """Anything: up to 12 cells, up to 6 outputs, deterministic or random, any centre."""
    cells, outputs = rng.integers(2, 13), rng.integers(2, 7)
    kernel = rng.dirichlet(np.full(outputs, 10 ** rng.uniform(-2, 1)), size=cells)
    edges = np.sort(rng.normal(scale=rng.uniform(0.2, 3), size=cells - 1))
    return ClosedForm(edges, np.sort(rng.random(outputs)), kernel, float(rng.random()))
