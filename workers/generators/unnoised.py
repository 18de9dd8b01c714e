"""No noise: the mechanism of a prompt that is defended by something else than smoothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smoothgen.noise import Seed, Stream


class Unnoised:
    """Gives every sample x itself. No bound of smoothing says anything under it: every attack is infinitely many sigmas
    long."""

    name = "none"
    effective_sigma = 0.0
    remark = None
    norm = "l2"

    def draw(self, seed: Seed, stream: Stream, indices: Sequence[int], shape: tuple[int, ...]) -> NDArray[np.float64]:
        """Returns zeros that broadcast against x, shape (len(indices), 1, …, 1)."""
        del seed, stream
        return np.zeros((len(indices), *(1 for _ in shape)))

    def noisy(self, x: NDArray[Any], noise: NDArray[np.float64], step: int = 0) -> NDArray[np.float64]:
        """Returns x for every row of `noise`, in double precision."""
        del step
        received: NDArray[np.float64] = x + noise
        return received

    def rounding_slack(self, dimension: int) -> float:
        """Returns 0: nothing is rounded."""
        del dimension
        return 0.0

    def radius_in_sigmas(self, epsilon: float) -> float:
        """Returns infinity for every attack, 0 for none."""
        return math.inf if epsilon > 0 else 0.0

    def attack_norm(self, delta: NDArray[np.float64]) -> float:
        """Returns the l2 norm of an attack, rounded up."""
        return math.nextafter(float(np.linalg.norm(delta.astype(np.float64))), math.inf)

    def noise_norm(self, dimension: int) -> float:
        """Returns 0, the length of no noise."""
        del dimension
        return 0.0

    def epsilon(self, radius_in_sigmas: float) -> float:
        """Returns 0: no attack is so short that smoothing bounds it."""
        del radius_in_sigmas
        return 0.0

    def to_dict(self) -> dict[str, Any]:
        """Returns the empty description: no certificate of smoothing can be made with it."""
        return {}
