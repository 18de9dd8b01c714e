"""The Lipschitz picture network as a Generator. Its certificates may use theorem T4 beside T1 and T2."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from smoothgen.certificates import Lipschitz, ModelIdentity
from smoothgen.mechanisms.grid import grid_step
from workers.distances.pixels import PixelRmse
from workers.generators.lipschitz.network import LipschitzNetwork
from workers.generators.one_pass import OnePassModel, Prompting
from workers.generators.outputs import Made, Picture


class LipschitzModel(OnePassModel):
    """Text-to-image in one pass of a small network, on the CPU in double precision.

    The constant holds for every ω, so under "common" and under "fresh" randomness.
    """

    precision = "float64"

    def __init__(
        self,
        network: LipschitzNetwork,
        prompting: Prompting,
        *,
        identity: ModelIdentity,
        description: str,
        default_sigma: float,
    ) -> None:
        self.network = network
        # Proven here, from the very weights that will run, never read from a file.
        self.lipschitz = Lipschitz(network.constant, network.offset, network.factors, PixelRmse.name)
        super().__init__(
            prompting,
            identity=identity,
            description=f"{description}: at most {network.constant:.4g} in pixel RMSE per unit of the condition",
            default_sigma=default_sigma,
            side=network.side,
            width=network.width,
            styles=network.styles,
        )

    def draw(self, x: NDArray[np.float64], omega: NDArray[np.float64]) -> Sequence[Made]:
        """Returns one picture a row."""
        return [Picture(pixels) for pixels in self.network.pictures(x, omega)]

    def proven(self, sigma: float) -> Lipschitz:
        """Returns the constant for a network that receives x on the grid of the noise (theorem T4,
        docs/theory/lipschitz.md).

        Under the same noise, x and x + δ are rounded by at most half a step in each coordinate, so the inputs differ by
        at most ‖δ‖ + step·√d. The additional offset is rounded up.
        """
        rounded = self.lipschitz.constant * grid_step(sigma) * math.sqrt(self.network.width) * (1 + 1e-8)
        return dataclasses.replace(self.lipschitz, offset=math.nextafter(self.lipschitz.offset + rounded, math.inf))
