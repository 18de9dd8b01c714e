"""Gradients of a loss through the generator itself, averaged over the certificate's noise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from smoothgen.noise import Stream
from workers.evaluation.attacks.ascent import Gradient
from workers.evaluation.attacks.ball import Array
from workers.evaluation.attacks.target import SEARCH_STREAM, Target
from workers.generators import Differentiable, Draw

Loss = Literal["away from the centre", "shift of the mean", "towards another prompt", "another answer"]
_Reduced = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""From attacked and honest outputs, each (rows, numbers), to the loss."""


@dataclass(frozen=True, eq=False)
class _Rows:
    """The inputs of one step's rows, the map through the generator, and its honest outputs."""

    inputs: NDArray[np.float64]
    call: Callable[[torch.Tensor], torch.Tensor]
    honest: torch.Tensor


class Through:
    """Gradients through a generator that torch can differentiate; straight through the snap to tokens, where there is
    one, which has no gradient.

    rows: noisy inputs a gradient is averaged over. Each step has its own rows, and every loss and restart has the same
    ones at the same step.
    """

    def __init__(self, target: Target, rows: int) -> None:
        """Raises InvalidParameters for noise that enters where the generator gives no gradient."""
        generator: Any = target.loaded.generator
        self._target, self._generator = target, generator
        self._rows = 1 if target.smoothing is None else rows
        self._steps: dict[int, _Rows] = {}
        self._at(0)

    def gradient(self, loss: Loss, other: NDArray[np.floating] | None = None) -> Gradient:
        """Returns the gradients of a loss. other: the embedding of the prompt whose outputs are aimed at."""

        def at(delta: Array, step: int) -> Array:
            rows = self._at(step)
            x = _tensor(rows.inputs + delta).requires_grad_(True)
            with torch.enable_grad():
                value = self._loss(loss, rows, other)(rows.call(x).flatten(1), rows.honest)
                [found] = torch.autograd.grad(value, x, allow_unused=True, materialize_grads=True)
            gradient: Array = found.double().sum(dim=0).numpy()
            return gradient

        return at

    def _at(self, step: int) -> _Rows:
        if step not in self._steps:
            target, condition = self._target, self._target.condition
            indices = range(step * self._rows, (step + 1) * self._rows)
            noise = condition.mechanism.draw(target.search_seed, SEARCH_STREAM, indices, target.shape)
            common = Draw(target.seed, Stream.GENERATOR_COMMON, 0)
            fresh = Draw(target.search_seed, Stream.GENERATOR_SELECTION, step)
            draw = common if target.randomness == "common" else fresh
            call = self._generator.smooth_map(condition, draw, target.parameters).call
            inputs = np.broadcast_to(condition.noisy(noise), (self._rows, *target.shape)).copy()
            with torch.no_grad():
                self._steps[step] = _Rows(inputs, call, call(_tensor(inputs)).flatten(1))
        return self._steps[step]

    def _loss(self, loss: Loss, rows: _Rows, other: NDArray[np.floating] | None) -> _Reduced:
        if loss == "away from the centre":
            return _away
        if loss == "shift of the mean":
            return _shift
        if loss == "another answer":
            return _another_answer
        if other is None:
            raise ValueError("the loss 'towards another prompt' needs the embedding of that prompt")
        with torch.no_grad():
            there = rows.call(_tensor(rows.inputs - self._target.x + other)).flatten(1).mean(dim=0)
        return lambda attacked, honest: -torch.linalg.vector_norm(attacked - there, dim=1).mean() + 0 * honest.sum()


def differentiable(target: Target) -> bool:
    """Returns whether gradients can be taken through the generator of a target."""
    return isinstance(target.loaded.generator, Differentiable)


_TINY: Final = 1e-12


def _away(attacked: torch.Tensor, honest: torch.Tensor) -> torch.Tensor:
    away: torch.Tensor = torch.linalg.vector_norm(attacked - honest.mean(dim=0), dim=1).mean()
    return away


def _shift(attacked: torch.Tensor, honest: torch.Tensor) -> torch.Tensor:
    shift: torch.Tensor = torch.linalg.vector_norm((attacked - honest).mean(dim=0) + _TINY)
    return shift


def _another_answer(attacked: torch.Tensor, honest: torch.Tensor) -> torch.Tensor:
    """Of log-probabilities: the runner-up's, less that of the token that comes first without the attack."""
    own, runner_up = honest.mean(dim=0).topk(2).indices
    return (attacked[:, runner_up] - attacked[:, own]).mean()


def _tensor(values: NDArray[np.floating]) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(values)).float()
