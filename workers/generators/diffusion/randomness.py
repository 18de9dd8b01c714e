"""The pipeline's own randomness ω as a function of a `Draw` alone."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from smoothgen.noise import normals, uniforms
from workers.generators.conditions import Draw

_LATENT_STEP, _SAMPLER_STEP = 0, 1


def latent_noise(draws: Sequence[Draw], shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Returns standard normal latents, shape (len(draws), *shape). Equal draws share the numbers of one row."""
    count = math.prod(shape)
    distinct = {
        draw: normals(draw.seed, draw.stream, draw.index, count, step=_LATENT_STEP).reshape(shape)
        for draw in set(draws)
    }
    return np.stack([distinct[draw] for draw in draws])


def sampler_generators(draws: Sequence[Draw]) -> list[torch.Generator]:
    """Returns one torch generator a sample, for schedulers that add noise of their own at every step.

    On the CPU, so that a sample draws the same numbers whatever device computes it. torch's CPU generator keeps 32 bits
    of a seed: ω is a uniform draw among 2³² sequences, independent of the prompt, which is all the theorems ask.
    """
    return [
        torch.Generator().manual_seed(
            int(uniforms(draw.seed, draw.stream, draw.index, 1, step=_SAMPLER_STEP)[0] * 2**32)
        )
        for draw in draws
    ]
