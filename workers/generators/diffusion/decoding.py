"""The autoencoder in both directions between latents and pictures, and the pipeline's safety checker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from workers.generators.outputs import Failure, Picture


@dataclass(frozen=True)
class Decoded:
    """A batch's last latents (batch, channels, h, w), and the pixels decoded from them: [−1, 1] where the model is sure
    of itself, and whatever an overflow makes of them, (batch, 3, height, width)."""

    latents: torch.Tensor
    pixels: torch.Tensor

    @property
    def clamped(self) -> torch.Tensor:
        """Returns pixels in [0, 1], computed with the formula of diffusers."""
        return (self.pixels * 0.5 + 0.5).clamp(0, 1)


class SafetyChecker:
    """A pipeline's own checker, which says which pictures are withheld. The verdict on a picture is a function of that
    picture alone."""

    def __init__(self, network: Any, extractor: Any) -> None:
        self.network, self.extractor = network.eval(), extractor

    def withheld(self, pictures: NDArray[np.uint8]) -> list[bool]:
        """Returns which of the pictures (n, height, width, 3) are to be replaced with black ones."""
        images = [Image.fromarray(picture) for picture in pictures]
        seen = self.extractor(images, return_tensors="pt").pixel_values
        parameter = next(self.network.parameters())
        with torch.inference_mode():
            # It blackens what it is given; only its verdicts are wanted.
            _, flags = self.network(
                images=torch.zeros(len(images), 1), clip_input=seen.to(parameter.dtype).to(parameter.device)
            )
        return [bool(flag) for flag in flags]


def decode(vae: Any, latents: torch.Tensor) -> Decoded:
    """Returns what the decoder gives, before anything is clamped."""
    return Decoded(latents, vae.decode(latents / vae.config.scaling_factor, return_dict=False)[0])


def encode(vae: Any, pixels: torch.Tensor) -> torch.Tensor:
    """Returns pixels in [−1, 1] in the latent space the U-Net knows. The mode is taken, so nothing random stands before
    the noise."""
    found = vae.encode(pixels.to(vae.dtype).to(vae.device))
    # AutoencoderTiny has no distribution there: its latent is the one it finds.
    latents: torch.Tensor = found.latent_dist.mode() if hasattr(found, "latent_dist") else found.latents
    scaled: torch.Tensor = latents * vae.config.scaling_factor
    return scaled


def pictures(decoded: Decoded, checker: SafetyChecker | None) -> list[Picture | Failure]:
    """Returns one picture for each row. A row that is not finite fails alone, and is found before clamping would make
    it a picture."""
    sound = _finite(decoded.pixels)
    # A decoder may squash an infinite latent to a finite picture.
    known = _finite(decoded.latents)
    levels = (decoded.clamped.float() * 255).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
    whole = [k for k in range(len(levels)) if sound[k] and known[k]]
    withheld = set()
    if checker is not None and whole:
        withheld = {k for k, flag in zip(whole, checker.withheld(levels[whole]), strict=True) if flag}
    found: list[Picture | Failure] = []
    for k, row in enumerate(levels):
        if not sound[k]:
            found.append(Failure("the picture's pixels were not finite"))
        elif not known[k]:
            found.append(Failure("the picture's latent was not finite"))
        else:
            black = k in withheld
            found.append(Picture(np.ascontiguousarray(np.zeros_like(row) if black else row), withheld=black))
    return found


def _finite(tensor: torch.Tensor) -> list[bool]:
    found: list[bool] = torch.isfinite(tensor).flatten(1).all(dim=1).tolist()
    return found
