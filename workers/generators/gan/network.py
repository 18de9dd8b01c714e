"""The generator of a conditional GAN: x, ω ↦ picture, by convolutions (Radford, Metz & Chintala 2016, made small)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import torch
from safetensors.torch import save_file
from torch import nn

from workers.generators.folders import GAN_CONFIG

WEIGHTS: Final = "generator.safetensors"
SIDE: Final = 32
"""Width and height of a picture: the first layer draws 4×4 places, and three layers double them."""
_FIRST_SIDE: Final = 4
_CHANNELS: Final = (64, 48, 32)


class GanNetwork(nn.Module):
    """The network from conditions (n, width) and styles (n, styles) to pictures (n, 3, 32, 32) in [−1, 1].

    Rows do not read each other once the network is in evaluation mode: batch normalisation then uses the means and
    variances that training left.
    """

    def __init__(self, width: int, styles: int) -> None:
        super().__init__()
        self.width, self.styles = width, styles
        first, second, third = _CHANNELS
        self.first = nn.Linear(width + styles, first * _FIRST_SIDE**2)
        self.layers = nn.Sequential(
            nn.BatchNorm2d(first),
            nn.ReLU(),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(first, second, 3, padding=1, bias=False),
            nn.BatchNorm2d(second),
            nn.ReLU(),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(second, third, 3, padding=1, bias=False),
            nn.BatchNorm2d(third),
            nn.ReLU(),
            nn.Conv2d(third, 3 * 4, 3, padding=1),
            nn.PixelShuffle(2),
            nn.Tanh(),
        )

    def forward(self, x: torch.Tensor, omega: torch.Tensor) -> torch.Tensor:
        """Returns one picture a row."""
        places = self.first(torch.cat([x, omega], dim=1)).unflatten(1, (-1, _FIRST_SIDE, _FIRST_SIDE))
        pictures: torch.Tensor = self.layers(places)
        return pictures

    def save(self, folder: Path, config: dict[str, Any]) -> None:
        """Writes the weights, and `config` with the sizes of the network, to a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        save_file({key: tensor.contiguous() for key, tensor in self.state_dict().items()}, folder / WEIGHTS)
        whole = json.dumps({**config, "width": self.width, "styles": self.styles}, indent=2, ensure_ascii=False)
        (folder / GAN_CONFIG).write_text(whole + "\n", encoding="utf-8")
