"""A world small enough to know everything: a table of a few rows, a prompt of three tokens, a random model, every
sequence, the true distance to every cell, and attacks that aim at them."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.optimize import nnls

from smoothgen import ExhaustiveCertificate, certified_cost, certify_exhaustive

TOKENS, TOLERANCE, DIAMETER = 3, 0.3, 1.0
SNAP_ERROR = 1e-12
"""Above what comparing squared distances of numbers of order 1 can err by in double precision."""


@dataclass(frozen=True)
class World:
    """table: shape (V, d). prompt: a row for each position. model: the output of every sequence, shape (V, V, V);
    failed runs are NaN."""

    table: np.ndarray
    prompt: tuple[int, ...]
    model: np.ndarray

    @classmethod
    def random(cls, seed: int, *, failures: float = 0.0) -> World:
        rng = np.random.default_rng(seed)
        rows, d = int(rng.integers(4, 13)), int(rng.integers(2, 4))
        model = rng.choice([0.0, 0.1, 0.2, 0.5, 1.0], p=[0.35, 0.2, 0.2, 0.15, 0.1], size=(rows,) * TOKENS)
        prompt = tuple(int(t) for t in rng.integers(rows, size=TOKENS))
        model[rng.random(model.shape) < failures] = math.nan
        model[prompt] = 0.0
        return cls(rng.normal(size=(rows, d)), prompt, model)

    @cached_property
    def own(self) -> np.ndarray:
        """The prompt's embeddings, shape (3, d)."""
        return self.table[list(self.prompt)]

    @cached_property
    def sequences(self) -> list[tuple[int, ...]]:
        """Every sequence, by rising cost; the prompt first."""
        return sorted(itertools.product(range(len(self.table)), repeat=TOKENS), key=lambda s: (self.cost(s), s))

    @cached_property
    def costs(self) -> np.ndarray:
        """The certified costs of `sequences`, rising, shape (V³,)."""
        return np.array([self.cost(sequence) for sequence in self.sequences])

    def cost(self, sequence: tuple[int, ...]) -> float:
        differences = [self.table[j] - self.table[t] for j, t in zip(sequence, self.prompt, strict=True) if j != t]
        return certified_cost(differences, SNAP_ERROR)

    def distances(self, sequences) -> np.ndarray:
        """True distances of the outputs to the prompt's own, failures at the diameter, shape (n,)."""
        return np.nan_to_num(self.model[tuple(np.transpose(sequences))], nan=DIAMETER)

    def certify(self, runs: int | None = None) -> ExhaustiveCertificate:
        """From so many runs, all of them by default."""
        listed = self.sequences[:runs]
        made = certify_exhaustive(
            self.costs[:runs],
            [self.model[s] for s in listed],
            diameter=DIAMETER,
            tolerance=TOLERANCE,
            next_cost=None if runs is None else self.costs[runs],
        )
        assert isinstance(made, ExhaustiveCertificate)
        return made

    def snapped(self, attacks: np.ndarray) -> np.ndarray:
        """The sequences that attacked embeddings become, attacks (n, 3, d) → (n, 3)."""
        moved = self.own + attacks
        return np.square(moved[:, :, None, :] - self.table).sum(axis=-1).argmin(axis=-1)

    def attacks(self, n: int, seed: int) -> np.ndarray:
        """Half in random directions, half aimed just past the bisectors of one, two or all three positions."""
        rng = np.random.default_rng(seed)
        d = self.table.shape[1]
        random = rng.normal(size=(n // 2, TOKENS, d)) * rng.exponential(0.5, size=(n // 2, 1, 1))
        aimed_at = self.table[rng.integers(len(self.table), size=(n - n // 2, TOKENS))] - self.own
        past = rng.choice([1 + 1e-9, 1 + 1e-6, 1.01, 1.3], size=(n - n // 2, 1, 1))
        moved = rng.random((n - n // 2, TOKENS, 1)) < rng.choice([0.34, 0.67, 1.0], size=(n - n // 2, 1, 1))
        return np.concatenate([random, aimed_at / 2 * past * moved])

    @cached_property
    def cell_distances(self) -> np.ndarray:
        """The true distance of each position to the cell of each row, by quadratic programs, shape (3, V)."""
        return np.array([[self._to_cell(x, j) for j in range(len(self.table))] for x in self.own])

    def _to_cell(self, x: np.ndarray, j: int) -> float:
        """min ‖δ‖ with x + δ no further from row j than from any other: least distance programming by NNLS."""
        others = np.delete(self.table, j, axis=0)
        g = 2 * (self.table[j] - others)
        h = np.square(self.table[j]).sum() - np.square(others).sum(axis=1) - g @ x
        # NNLS may stop too early where constraints differ in scale. Equal rows constrain nothing.
        scale = np.linalg.norm(g, axis=1)
        g, h = g[scale > 0] / scale[scale > 0, None], h[scale > 0] / scale[scale > 0]
        e, f = np.vstack([g.T, h]), np.append(np.zeros(g.shape[1]), 1.0)
        residual = e @ nnls(e, f)[0] - f
        delta = -residual[:-1] / residual[-1]
        assert (g @ delta >= h - 1e-7).all()
        return float(np.linalg.norm(delta))

    @cached_property
    def true_costs(self) -> np.ndarray:
        """The least norm of an attack that reaches each of `sequences`, shape (V³,)."""
        return np.array(
            [math.hypot(*(self.cell_distances[i, j] for i, j in enumerate(sequence))) for sequence in self.sequences]
        )

    def true_w1(self, epsilons: np.ndarray) -> np.ndarray:
        """The furthest output that attacks of each norm or less reach; the programs are solved to about 10⁻⁹."""
        order = self.true_costs.argsort()
        furthest = np.maximum.accumulate(self.distances(self.sequences)[order])
        reached = np.searchsorted(self.true_costs[order], epsilons * (1 - 1e-7), side="right")
        return np.concatenate([[0.0], furthest])[reached]
