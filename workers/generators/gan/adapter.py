"""The generator of a conditional GAN as a Generator."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from smoothgen.certificates import ModelIdentity
from smoothgen.contracts import Parameters
from workers.generators.conditions import Condition, Draw
from workers.generators.differentiable import SmoothMap
from workers.generators.gan.network import SIDE, GanNetwork
from workers.generators.one_pass import OnePassModel, Prompting
from workers.generators.outputs import Failure, Made, Picture


class GanModel(OnePassModel):
    """Text-to-image in one pass of a convolutional network, in single precision. Nothing is proven of the network."""

    precision = "float32"

    def __init__(
        self,
        network: GanNetwork,
        prompting: Prompting,
        *,
        identity: ModelIdentity,
        description: str,
        default_sigma: float,
        device: str = "cpu",
    ) -> None:
        self.network, self._device = network.to(device).eval().requires_grad_(False), device
        super().__init__(
            prompting,
            identity=identity,
            description=description,
            default_sigma=default_sigma,
            side=SIDE,
            width=network.width,
            styles=network.styles,
        )

    def draw(self, x: NDArray[np.float64], omega: NDArray[np.float64]) -> Sequence[Made | Failure]:
        """Returns one picture a row. A row that is not finite fails alone."""
        with torch.inference_mode():
            found = self._levels(torch.from_numpy(x), torch.from_numpy(omega))
        drawn = found.permute(0, 2, 3, 1).mul(255).round().numpy()
        return [
            Picture(picture.astype(np.uint8)) if np.isfinite(picture).all() else Failure("the picture is not finite")
            for picture in drawn
        ]

    def smooth_map(self, condition: Condition, draw: Draw, parameters: Parameters) -> SmoothMap:
        """Returns the map from the condition to pixels in [0, 1], before they are rounded to 8 bits."""
        del parameters
        omega = torch.from_numpy(self.styles([draw]))

        def call(x: torch.Tensor) -> torch.Tensor:
            rows = x.reshape(len(x), condition.embedding.size)
            return self._levels(rows, omega.expand(len(x), -1))

        return SmoothMap(call, (3 * SIDE**2) ** -0.5, "pixel RMSE per l2 unit of the embedding")

    def _levels(self, x: torch.Tensor, omega: torch.Tensor) -> torch.Tensor:
        """Returns pixels in [0, 1], shape (n, 3, side, side), on the CPU."""
        pictures = self.network(x.float().to(self._device), omega.float().to(self._device))
        levels: torch.Tensor = pictures.add(1).div(2).cpu()
        return levels
