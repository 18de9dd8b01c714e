"""A 1-Lipschitz critic: how far an attack really moved the law of the outputs in W₁, bounded from below.

By Kantorovich, W₁(P, Q) ≥ E_Q[g] − E_P[g] for every function g that changes by no more than its argument moves. The
critic g is chosen on a training half of the samples and read on the other half.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from smoothgen.errors import InvalidDistances
from smoothgen.evaluation.falsification.means import (
    INEQUALITIES,
    Inequality,
    gap_lower_bound,
    paired_gap_lower_bound,
)
from smoothgen.evaluation.samples import Features, as_features, require_diameter, whole

MOST_POINTS: Final = 32
"""Training outputs of either law that are tried as the point of a distance critic."""
_LEAST_WIDTH: Final = 1e-9  # relative to the diameter: a critic that is constant on the training half stays bounded
_SHRINK: Final = 1 - 1e-12  # pays for the rounding of a unit vector's norm and of the values themselves


@dataclass(frozen=True, eq=False)
class Critic:
    """A function g of outputs with |g(y) − g(y′)| ≤ min(d(y, y′), width), d the Euclidean distance of features.

    kind: "direction", for ⟨vector, f(y)⟩ with a unit vector, or "distance", for ‖f(y) − vector‖. sign: ±1, so that the
    attack raises g. g is sign times that, less `low`, clipped to [0, width], width ≤ D; a failed output has `failure`,
    0 or width.

    Proof: docs/theory/evaluation.md, "A lower bound by a critic".
    """

    kind: Literal["direction", "distance"]
    vector: NDArray[np.float64]
    sign: int
    low: float
    width: float
    failure: float

    def __call__(self, features: Features) -> NDArray[np.float64]:
        """Returns g of every output, shape (n, d) → (n,), metric units."""
        values = np.clip(_raw(self.kind, self.vector, self.sign, features) - self.low, 0.0, self.width)
        values[~whole(features)] = self.failure
        return values


@dataclass(frozen=True)
class ShiftLowerBound:
    """A lower bound on W₁(P, Q). value: metric units, at least 0. critic: what was read. inequality: how. samples: how
    many outputs of either law were read, training outputs not counted."""

    value: float
    critic: Critic
    inequality: str
    samples: int


def shift_lower_bound(
    honest: ArrayLike, attacked: ArrayLike, *, diameter: float, alpha: float, paired: bool = False
) -> ShiftLowerBound:
    """Returns a lower bound on W₁ between the laws that fresh honest and attacked outputs were drawn from.

    honest, attacked: features of independent outputs, shapes (m, d) and (n, d); a row with a number that is not finite
    failed, and lies at `diameter` from every output. The first half of either trains the critic, the second is read.
    diameter: D. paired: whether row i of both was drawn with the same noise, rows otherwise independent; m = n. P(W₁ is
    below the bound) ≤ alpha. Holds for the capped distance min(d, D) too. Raises InvalidDistances (fewer than four
    outputs of either law, or unequal numbers where paired), InvalidMetric, InvalidAlpha.

    Proof: docs/theory/evaluation.md, "A lower bound by a critic".
    """
    p, q = as_features("honest", honest), as_features("attacked", attacked)
    require_diameter(diameter)
    if min(len(p), len(q)) < 4 or p.shape[1] != q.shape[1] or (paired and len(p) != len(q)):
        raise InvalidDistances(
            f"a critic needs four outputs or more of either law, of one feature length, and as many of both where they "
            f"are paired; got {p.shape} and {q.shape}",
            field="attacked",
        )
    (p_train, p), (q_train, q) = _halves(p), _halves(q)
    size = min(len(p), len(q))
    critic, inequality = train_critic(p_train, q_train, size=size, diameter=diameter, alpha=alpha, paired=paired)
    value = _bound(critic, inequality, p, q, alpha=alpha, paired=paired)
    return ShiftLowerBound(max(0.0, value * _SHRINK), critic, inequality, size)


def train_critic(
    honest: Features, attacked: Features, *, size: int, diameter: float, alpha: float, paired: bool
) -> tuple[Critic, Inequality]:
    """Returns the critic and the inequality whose lower bound would be largest on `size` outputs that are like these.

    Candidates: the direction between the means and the principal direction, every feature alone (while there are few),
    and the distances to either mean and to some of the outputs. Any choice gives a valid bound on outputs that were
    not used here.

    Proof: docs/theory/evaluation.md, "A lower bound by a critic".
    """
    # A critic of no direction: it sees nothing but failures, and is there where no output is whole.
    blind = _fitted("direction", np.zeros(honest.shape[1]), honest, attacked, diameter)
    candidates = [_fitted(kind, vector, honest, attacked, diameter) for kind, vector in _candidates(honest, attacked)]

    def forecast(pair: tuple[Critic, Inequality]) -> float:
        critic, inequality = pair
        return _bound(critic, inequality, honest, attacked, alpha=alpha, paired=paired, size=size)

    return max(product((blind, *candidates), INEQUALITIES), key=forecast)


def _bound(
    critic: Critic,
    inequality: Inequality,
    honest: Features,
    attacked: Features,
    *,
    alpha: float,
    paired: bool,
    size: int | None = None,
) -> float:
    """Returns the lower bound that the critic reads, or its forecast for samples of another size."""
    p, q, width = critic(honest), critic(attacked), critic.width
    if paired:
        return paired_gap_lower_bound(q - p, width=width, alpha=alpha, inequality=inequality, size=size)
    return gap_lower_bound(p, q, width=width, alpha=alpha, inequality=inequality, size=size)


def _candidates(
    honest: Features, attacked: Features
) -> Iterator[tuple[Literal["direction", "distance"], NDArray[np.float64]]]:
    p, q = honest[whole(honest)], attacked[whole(attacked)]
    if not (len(p) and len(q)):
        return
    apart = q.mean(axis=0) - p.mean(axis=0)
    directions = [apart]
    if p.shape[1] <= MOST_POINTS:
        directions += [*np.eye(p.shape[1])]
    pooled = np.concatenate((p, q))
    directions.append(np.linalg.svd(pooled - pooled.mean(axis=0), full_matrices=False)[2][0])
    for vector in directions:
        norm = np.linalg.norm(vector)
        if norm > 0:
            yield "direction", vector / norm * _SHRINK
    for vector in (p.mean(axis=0), q.mean(axis=0), *p[:MOST_POINTS], *q[:MOST_POINTS]):
        yield "distance", vector


def _fitted(
    kind: Literal["direction", "distance"],
    vector: NDArray[np.float64],
    honest: Features,
    attacked: Features,
    diameter: float,
) -> Critic:
    """Returns the critic with the sign, range and value of failures that the training outputs suggest."""
    p_whole, q_whole = whole(honest), whole(attacked)
    p, q = _raw(kind, vector, 1, honest[p_whole]), _raw(kind, vector, 1, attacked[q_whole])
    sign = -1 if len(p) and len(q) and q.mean() < p.mean() else 1
    values = sign * np.concatenate((p, q))
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 0.0)
    fails_more = q_whole.mean() < p_whole.mean()
    # Failures lie at D from every output, so they alone are worth the whole diameter of range.
    failed = not (p_whole.all() and q_whole.all())
    width = diameter if failed else min(max(high - low, _LEAST_WIDTH * diameter), diameter)
    if failed and fails_more:
        return Critic(kind, vector, sign, low, width, failure=width)
    return Critic(kind, vector, sign, high - width if failed else low, width, failure=0.0)


def _raw(kind: str, vector: NDArray[np.float64], sign: int, features: Features) -> NDArray[np.float64]:
    with np.errstate(invalid="ignore", over="ignore"):
        if kind == "direction":
            values: NDArray[np.float64] = features @ vector
        else:
            values = np.linalg.norm(features - vector, axis=1)
    return sign * values


def _halves(features: Features) -> tuple[Features, Features]:
    half = len(features) // 2
    return features[:half], features[half:]
