"""Projected ascent on a loss inside an l2 ball, with gradients that are computed, differenced or scored.

Projected gradient descent as an attack: Madry et al., "Towards deep learning models resistant to adversarial attacks",
ICLR 2018. Momentum on normalised gradients: Dong et al., "Boosting adversarial attacks with momentum", CVPR 2018.
Under noise, a gradient is the mean over noisy inputs: Athalye et al., "Synthesizing robust adversarial examples",
ICML 2018.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from workers.evaluation.attacks.ball import Array, length, onto, within

Values = Callable[[Sequence[Array]], Array]
"""Returns how strong each displacement is, shape (count,), all of them under the same noise. Larger is stronger."""
Gradient = Callable[[Array, int], Array]
"""Returns a gradient of the loss at a displacement, in its shape. The second argument is the step's number: whatever
the gradient draws at one step it draws again at the same step of another restart."""


@dataclass(frozen=True)
class Ascent:
    """How an ascent goes. steps: of each restart. step: the first step's length in epsilons; later ones shrink to 0 as
    a cosine does. momentum: in [0, 1). restarts: random starts beside those that are given."""

    steps: int = 8
    step: float = 0.6
    momentum: float = 0.6
    restarts: int = 1


@dataclass(frozen=True, eq=False)
class Found:
    """The strongest displacement found, and its strength on the values' noise."""

    delta: Array
    value: float


def ascend(
    gradient: Gradient,
    values: Values,
    starts: Sequence[Array],
    epsilon: float,
    *,
    shape: tuple[int, ...],
    ascent: Ascent,
    rng: np.random.Generator,
) -> Found:
    """Returns the strongest of all starts, of the ends of their ascents and of the opposites of these, each of norm at
    most epsilon. The loss often rises in two opposite directions, and more in one of them.

    starts: displacements to begin from, scaled onto the sphere; `ascent.restarts` random ones of half that norm are
    added. values: chooses among the results, and should draw noise that no gradient saw.
    """
    begun = [onto(start, epsilon) for start in starts if length(start) > 0]
    random = [onto(rng.normal(size=shape), epsilon / 2) for _ in range(ascent.restarts)]
    ended = [_climbed(gradient, start, epsilon, ascent) for start in (*begun, *random)]
    return strongest(values, [*begun, *ended, *(-end for end in ended)])


def strongest(values: Values, deltas: Sequence[Array]) -> Found:
    """Returns the displacement of the largest value, the first where several tie."""
    found = values(deltas)
    best = int(np.argmax(np.where(np.isnan(found), -math.inf, found)))
    return Found(deltas[best], float(found[best]))


def _climbed(gradient: Gradient, start: Array, epsilon: float, ascent: Ascent) -> Array:
    delta, direction = start, np.zeros_like(start)
    for step in range(ascent.steps):
        direction = ascent.momentum * direction + _unit(gradient(delta, step))
        stride = ascent.step * epsilon * (1 + math.cos(math.pi * step / ascent.steps)) / 2
        delta = within(delta + stride * _unit(direction), epsilon)
    return delta


def _unit(vector: Array) -> Array:
    whole = np.where(np.isfinite(vector), vector, 0.0)  # one overflow must not end the ascent
    norm = length(whole)
    return whole if norm == 0 else whole / norm


def differenced(values: Values, step: float) -> Gradient:
    """Returns gradients by central differences along every coordinate, 2·d values each: for few coordinates."""

    def gradient(delta: Array, number: int) -> Array:
        del number
        moves = step * np.eye(delta.size).reshape(delta.size, *delta.shape)
        found = values([*(delta + moves), *(delta - moves)])
        slopes: Array = (found[: delta.size] - found[delta.size :]) / (2 * step)
        return slopes.reshape(delta.shape)

    return gradient


def scored(
    values: Values, step: float, *, pairs: int, rng: np.random.Generator, law: Literal["normal", "signs"]
) -> Gradient:
    """Returns gradients estimated from values at pairs of opposite random moves, without any gradient of the model.

    law: "normal" for natural evolution strategies (Wierstra et al., JMLR 2014; as an attack Ilyas et al., ICML 2018),
    "signs" for simultaneous perturbation (SPSA: Spall, IEEE TAC 1992; as an attack Uesato et al., ICML 2018). step: the
    length of a move.
    """

    def gradient(delta: Array, number: int) -> Array:
        del number
        shape = (pairs, *delta.shape)
        drawn = rng.normal(size=shape) if law == "normal" else rng.choice([-1.0, 1.0], size=shape)
        moves = step * drawn / math.sqrt(delta.size)
        found = values([*(delta + moves), *(delta - moves)])
        weights = found[:pairs] - found[pairs:]
        estimate: Array = np.tensordot(weights, moves, axes=1)
        return estimate

    return gradient


def random_directions(
    values: Values, epsilon: float, *, shape: tuple[int, ...], count: int, rng: np.random.Generator
) -> Found:
    """Returns the strongest of so many uniformly random directions at norm epsilon."""
    return strongest(values, [onto(rng.normal(size=shape), epsilon) for _ in range(count)])
