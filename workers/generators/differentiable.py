"""The protocol of a generator that torch can differentiate, for estimates of its local sensitivity."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from smoothgen.contracts import Parameters
from workers.generators.conditions import Condition, Draw

if TYPE_CHECKING:  # closed-form models run without it
    import torch


@dataclass(frozen=True)
class SmoothMap:
    """A generator as torch differentiates it: a map from noisy embeddings (rows, *x.shape) to real outputs, row by row.

    scale: the factor that turns the l2 norm of a change of the outputs into `unit`.
    """

    call: Callable[[torch.Tensor], torch.Tensor]
    scale: float
    unit: str


@runtime_checkable
class Differentiable(Protocol):
    """A generator whose outputs, before they are rounded or decoded, are a smooth function of the noisy embedding."""

    def smooth_map(self, condition: Condition, draw: Draw, parameters: Parameters) -> SmoothMap:
        """Returns the map for the condition of one prompt and one ω. All rows share this ω."""
        ...
