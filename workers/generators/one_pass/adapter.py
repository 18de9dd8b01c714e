"""A network that draws a picture in one pass, from the head's condition and a style, as a Generator."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from smoothgen.certificates import Lipschitz, ModelIdentity
from smoothgen.contracts import ImageCard, ImageParameters, Parameters
from smoothgen.errors import InvalidParameters, UnknownName
from smoothgen.mechanisms import Gaussian
from smoothgen.noise import normals
from workers.generators.conditions import Condition, Draw, Smoothing
from workers.generators.one_pass.prompting import Prompting
from workers.generators.outputs import Failure, Made
from workers.generators.protocol import OutputKind

_NO_SCHEDULER: Final = "none"
"""The scheduler's name for a model that draws in one pass, from condition and style to picture, and has no scheduler.
"""


class OnePassModel(ABC):
    """Text-to-image in one pass of a small network.

    Whatever of the prompt reaches the picture goes through x. ω are the style's numbers, drawn from N(0, I): under
    "common" one style for a job, under "fresh" one a sample.
    """

    mechanisms = ("embedding",)
    default_betas: ClassVar[dict[str, float]] = {}
    output_kind: OutputKind = "picture"
    for_learning = False
    precision: str
    batch_sensitivity: float | None = None

    def __init__(
        self,
        prompting: Prompting,
        *,
        identity: ModelIdentity,
        description: str,
        default_sigma: float,
        side: int,
        width: int,
        styles: int,
    ) -> None:
        """side: of the square picture. width, styles: how many numbers x and ω have."""
        self._prompts, self.classifier = prompting.prompts, prompting.classifier
        self.longest_prompt_tokens = prompting.prompts.longest_tokens
        self.identity, self.description, self.default_sigma = identity, description, default_sigma
        self.largest_dimension, self._style_numbers = width, styles
        self.image = ImageCard(
            width=side,
            height=side,
            smallest_side=side,
            largest_side=side,
            num_inference_steps=1,
            guidance_scale=1.0,
            strength=1.0,
            scheduler=_NO_SCHEDULER,
            schedulers=[_NO_SCHEDULER],
        )

    @abstractmethod
    def draw(self, x: NDArray[np.float64], omega: NDArray[np.float64]) -> Sequence[Made | Failure]:
        """Returns one output a row, of conditions (n, width) and styles (n, styles)."""

    def proven(self, sigma: float) -> Lipschitz | None:
        """Returns the proven constant under noise of this level; None where the family has none."""
        del sigma
        return None

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
            lipschitz=self.proven(smoothing.level),
        )

    def generate(
        self, condition: Condition, noise: NDArray[np.float64], draws: Sequence[Draw], parameters: Parameters
    ) -> Sequence[Made | Failure]:
        """Draws the whole batch in one pass."""
        del parameters
        return self.draw(condition.noisy(noise).reshape(len(noise), -1), self.styles(draws))

    def styles(self, draws: Sequence[Draw]) -> NDArray[np.float64]:
        """Returns the ω of every row, shape (n, styles). Equal draws share the numbers of one row."""
        found = {d: normals(d.seed, d.stream, d.index, self._style_numbers) for d in set(draws)}
        return np.stack([found[d] for d in draws])


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
