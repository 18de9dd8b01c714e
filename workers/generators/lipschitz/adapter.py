"""The Lipschitz picture network as a Generator. Its certificates may use theorem T4 beside T1 and T2."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from smoothgen.certificates import Lipschitz, ModelIdentity
from smoothgen.contracts import ImageCard, ImageParameters, Parameters
from smoothgen.errors import InvalidParameters, UnknownName
from smoothgen.mechanisms import Gaussian
from smoothgen.mechanisms.grid import grid_step
from smoothgen.noise import normals
from workers.distances.pixels import PixelRmse
from workers.features.picture_classifier import PictureClassifier
from workers.generators.conditions import Condition, Draw, Smoothing
from workers.generators.diffusion.prompts import HeadPrompts
from workers.generators.lipschitz.network import LipschitzNetwork
from workers.generators.outputs import Made, Picture
from workers.generators.protocol import OutputKind

_NO_SCHEDULER: Final = "none"
"""The scheduler's name for a model that draws in one pass, from condition and style to picture, and has no scheduler.
"""


class LipschitzModel:
    """Text-to-image in one pass of a small network, on the CPU in double precision.

    Whatever of the prompt reaches the picture goes through x. ω are the style's numbers, drawn from N(0, I): under
    "common" one style for a job, under "fresh" one a sample. The constant holds for every ω, so for both.
    """

    mechanisms = ("embedding",)
    default_betas: ClassVar[dict[str, float]] = {}
    output_kind: OutputKind = "picture"
    for_learning = False
    precision = "float64"
    batch_sensitivity = None

    def __init__(
        self,
        network: LipschitzNetwork,
        prompts: HeadPrompts,
        *,
        identity: ModelIdentity,
        description: str,
        default_sigma: float,
        classifier: PictureClassifier | None = None,
    ) -> None:
        self.network, self._prompts, self.longest_prompt_tokens = network, prompts, prompts.longest_tokens
        self.identity, self.default_sigma, self.classifier = identity, default_sigma, classifier
        # Proven here, from the very weights that will run, never read from a file.
        self.lipschitz = Lipschitz(network.constant, network.offset, network.factors, PixelRmse.name)
        self.description = f"{description}: at most {network.constant:.4g} in pixel RMSE per unit of the condition"
        self.image = ImageCard(
            width=network.side,
            height=network.side,
            smallest_side=network.side,
            largest_side=network.side,
            num_inference_steps=1,
            guidance_scale=1.0,
            strength=1.0,
            scheduler=_NO_SCHEDULER,
            schedulers=[_NO_SCHEDULER],
        )

    def condition(self, prompt: str, parameters: Parameters, smoothing: Smoothing) -> Condition:
        """Embeds the prompt. Raises InvalidParameters for what one pass has no use for, UnknownName."""
        _require_one_pass(parameters)
        if smoothing.mechanism not in self.mechanisms:
            raise UnknownName("mechanism", smoothing.mechanism, self.mechanisms, field="robustness.mechanism")
        prompted = self._prompts.encode(prompt, None)
        return Condition(
            prompted.embedding,
            attack_on=self._prompts.attack_on,
            mechanism=Gaussian(smoothing.level),
            held_fixed=(),
            random=True,
            notes=prompted.notes,
            mixes=(),
            lipschitz=self._on_grid(smoothing.level),
        )

    def generate(
        self, condition: Condition, noise: NDArray[np.float64], draws: Sequence[Draw], parameters: Parameters
    ) -> list[Made]:
        """Draws the whole batch in one pass."""
        del parameters
        x = condition.noisy(noise).reshape(len(noise), -1)
        return [Picture(pixels) for pixels in self.network.pictures(x, self._styles(draws))]

    @property
    def largest_dimension(self) -> int:
        """Returns the number of the network's inputs."""
        return self.network.width

    def _on_grid(self, sigma: float) -> Lipschitz:
        """Returns the constant for a network that receives x on the grid of the noise (theorem T4,
        docs/theory/lipschitz.md).

        Under the same noise, x and x + δ are rounded by at most half a step in each coordinate, so the inputs differ by
        at most ‖δ‖ + step·√d. The additional offset is rounded up.
        """
        rounded = self.lipschitz.constant * grid_step(sigma) * math.sqrt(self.network.width) * (1 + 1e-8)
        return dataclasses.replace(self.lipschitz, offset=math.nextafter(self.lipschitz.offset + rounded, math.inf))

    def _styles(self, draws: Sequence[Draw]) -> NDArray[np.float64]:
        """Returns the ω of every row, shape (n, styles). Equal draws share the numbers of one row."""
        styles = {d: normals(d.seed, d.stream, d.index, self.network.styles) for d in set(draws)}
        return np.stack([styles[d] for d in draws])


def _require_one_pass(parameters: Parameters) -> None:
    if not isinstance(parameters, ImageParameters):
        raise InvalidParameters(
            f"a picture model takes image parameters, got {type(parameters).__name__}", field="parameters"
        )
    asked = {
        "num_inference_steps": parameters.num_inference_steps not in (None, 1),
        "guidance_scale": parameters.guidance_scale not in (None, 1.0),
        "negative_prompt": bool((parameters.negative_prompt or "").strip()),
        "image": parameters.image is not None,
    }
    for name, given in asked.items():
        if given:
            raise InvalidParameters(
                f"{name} has no meaning for a model that draws in one pass; leave it out", field=f"parameters.{name}"
            )
