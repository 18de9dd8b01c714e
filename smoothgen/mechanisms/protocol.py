"""What a smoothing mechanism is: how to draw, and how many sigmas an attack of a given norm is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from smoothgen.noise import Seed, Stream


@runtime_checkable
class Mechanism(Protocol):
    """Noise on a condition x ∈ ℝ^d, and its r (theory §4). A certificate is mechanism × spread; this is one half."""

    @property
    def name(self) -> str:
        """Registered name, as it stands in certificates."""
        ...

    @property
    def effective_sigma(self) -> float:
        """The σ of one Gaussian draw on x that protects as well, rounded down."""
        ...

    @property
    def remark(self) -> str | None:
        """A sentence for the certificate's statement, None where there is nothing unusual to say."""
        ...

    def draw(self, seed: Seed, stream: Stream, indices: Sequence[int], shape: tuple[int, ...]) -> NDArray[np.float64]:
        """The noise of the samples `indices` on an x of this shape: (len(indices), *shape), or, from mechanisms that
        draw at every denoising step, (len(indices), steps, *shape).

        In double precision: whoever adds it rounds the SUM to the model's precision, once. A rounded sum is a function
        of the noisy embedding, so every bound survives it; noise rounded before the sum would not be Gaussian.
        """
        ...

    def radius_in_sigmas(self, epsilon: float) -> float:
        """r for an attack of l2 norm epsilon, rounded up: the side on which bounds stay bounds."""
        ...

    def epsilon(self, radius_in_sigmas: float) -> float:
        """The attack norm of a given r, rounded down: the side on which radii stay radii."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """JSON form, read back by `mechanism_from_dict`."""
        ...
