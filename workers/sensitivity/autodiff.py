"""‖∇_z G(z₀)‖ by automatic differentiation, for the generators torch can differentiate."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from smoothgen.contracts import JACOBIAN_ROUNDS, Parameters
from smoothgen.contracts.adapting import not_differentiable
from workers.generators import Condition, Differentiable, Generator
from workers.sensitivity.finite_differences import PUBLIC_DRAW, public_directions
from workers.sensitivity.power_iteration import largest_singular_values


def spectral_norms(
    generator: Generator, conditions: Sequence[Condition], parameters: Parameters, *, rounds: int = JACOBIAN_ROUNDS
) -> tuple[list[float], str]:
    """Returns ‖∇G‖₂ at the embeddings of these prompts, all at once, and its unit. The prompts must share batches
    (`Condition.mixes`), or there must be only one.

    The number is a local estimate from below. The number bounds no global constant. Raises InvalidInput for a generator
    that cannot be differentiated.
    """
    if not isinstance(generator, Differentiable):
        raise not_differentiable(generator.identity.name)
    smooth = generator.smooth_map(conditions[0], PUBLIC_DRAW, parameters)
    x = torch.from_numpy(np.stack([condition.embedding for condition in conditions]))
    [start] = public_directions(1, conditions[0].embedding.shape)
    sigmas = largest_singular_values(smooth.call, x, torch.from_numpy(start).float().expand(x.shape), rounds=rounds)
    return [float(sigma) * smooth.scale for sigma in sigmas], smooth.unit
