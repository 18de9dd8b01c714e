"""A plug-in's model as a Generator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final, TypeGuard

import numpy as np
from numpy.typing import NDArray

from smoothgen.certificates import ModelIdentity
from smoothgen.certificates.meaning.quoting import PLUGIN
from smoothgen.contracts import EMBEDDING, ImageCard, ImageParameters, Parameters
from smoothgen.errors import GenerationFailed, InvalidParameters, InvalidPrompt, UnknownName
from smoothgen.mechanisms import Gaussian
from smoothgen.noise import generator
from smoothgen.plugins import FAULTS, GeneratorPlugin, StatedGenerator
from workers.generators.conditions import Condition, Draw, Smoothing
from workers.generators.outputs import Failure, Made, Picture, Text
from workers.generators.protocol import OutputKind

_NO_SCHEDULER: Final = "none"
_TEXT: Final = ("max_new_tokens", "temperature", "top_k", "top_p")
_PICTURE: Final = ("width", "height")
_LARGEST_FLOAT32: Final = float(np.finfo(np.float32).max)


class PluggedModel:
    """A model that a package brings, with noise on what the package's `embed` makes of the prompt.

    `generate` hands the plug-in noisy x, one numpy generator a row, and the parameters: nothing else of the prompt.
    Certificates name what is attacked as "plugin:…", so `verify` says that it has not checked what that means.
    """

    mechanisms = (EMBEDDING,)
    default_betas: ClassVar[dict[str, float]] = {}
    for_learning = False
    classifier = longest_prompt_tokens = batch_sensitivity = None

    def __init__(self, plugin: GeneratorPlugin, stated: StatedGenerator, identity: ModelIdentity) -> None:
        self._plugin, self._stated, self.identity = plugin, stated, identity
        self.description, self.default_sigma = stated.description, stated.default_sigma
        self.output_kind: OutputKind = stated.output_kind
        self.largest_dimension, self.precision = stated.dimension, stated.precision
        self.image = _card(stated.side) if stated.side else None

    def condition(self, prompt: str, parameters: Parameters, smoothing: Smoothing) -> Condition:
        """Embeds the prompt.

        Raises InvalidPrompt where the plug-in refuses prompt or parameters, InvalidParameters for parameters that no
        plug-in has a use for, UnknownName, and GenerationFailed where `embed` fails or gives what it did not state.
        """
        if smoothing.mechanism not in self.mechanisms:
            raise UnknownName("mechanism", smoothing.mechanism, self.mechanisms, field="robustness.mechanism")
        x, held_fixed = self._embedded(prompt, given(parameters))
        return Condition(
            x,
            attack_on=f"{PLUGIN}{self._stated.attack_on}",
            mechanism=Gaussian(smoothing.level),
            held_fixed=held_fixed,
            random=self._stated.random,
            mixes=(x.shape, held_fixed),
        )

    def generate(
        self, condition: Condition, noise: NDArray[np.float64], draws: Sequence[Draw], parameters: Parameters
    ) -> list[Made | Failure]:
        """Returns what the plug-in makes of every noisy x. What is no output of the stated kind is a failure.

        Raises GenerationFailed where the plug-in asks the process to end, or gives another number of outputs; what else
        it raises is passed on.
        """
        randomness = [generator(draw.seed, draw.stream, draw.index) for draw in draws]
        try:
            made = list(self._plugin.generate(condition.noisy(noise), randomness, given(parameters)))
        except SystemExit as error:
            raise GenerationFailed(f"{self._who} called sys.exit({error.code!r:.80})") from error
        if len(made) != len(noise):
            raise GenerationFailed(f"{self._who} gave {len(made)} outputs for {len(noise)} rows")
        return [self._output(one) for one in made]

    @property
    def _who(self) -> str:
        return f"generator plug-in of model {self.identity.name!r}"

    def _embedded(self, prompt: str, parameters: Mapping[str, Any]) -> tuple[NDArray[np.float32], tuple[str, ...]]:
        try:
            x, held_fixed = self._plugin.embed(prompt, parameters)
            values, held = np.asarray(x, dtype=np.float64), tuple(held_fixed)
        except ValueError as error:
            raise InvalidPrompt(
                f"model {self.identity.name!r} does not take this prompt with these parameters: {error}", field="prompt"
            ) from error
        except FAULTS as error:
            raise GenerationFailed(f"{self._who} cannot embed: {type(error).__name__}: {error}") from error
        if not 0 < values.size <= self._stated.dimension:
            raise GenerationFailed(
                f"{self._who} states at most {self._stated.dimension} numbers and gave x of shape {values.shape}"
            )
        if not (np.abs(values) <= _LARGEST_FLOAT32).all():  # refuses NaN too
            raise GenerationFailed(f"{self._who} gave an x with numbers that are not finite in float32")
        if isinstance(held_fixed, str) or not all(_is_text(words) and words for words in held):
            raise GenerationFailed(
                f"{self._who} must give what is held fixed as a list of words, got {held_fixed!r:.120}"
            )
        return values.astype(np.float32), held

    def _output(self, made: Any) -> Made | Failure:
        if made is None:
            return Failure("the plug-in gave None")
        if self._stated.side:
            shape = (self._stated.side, self._stated.side, 3)
            if isinstance(made, np.ndarray) and made.dtype == np.uint8 and made.shape == shape:
                return Picture(made)
            return Failure(f"the plug-in gave {_described(made)} where pictures are uint8 of shape {shape}")
        return Text(made) if _is_text(made) else Failure(f"the plug-in gave {_described(made)}, not a text")


def given(parameters: Parameters) -> dict[str, Any]:
    """Returns the parameters that plug-ins are given. Raises InvalidParameters for one they have no use for."""
    picture = isinstance(parameters, ImageParameters)
    known = (*_PICTURE, "num_inference_steps", "guidance_scale", "scheduler") if picture else _TEXT
    asked = parameters.model_dump(exclude_defaults=True)
    plain = {"num_inference_steps": 1, "guidance_scale": 1.0, "scheduler": _NO_SCHEDULER}
    for name, value in asked.items():
        if name not in known or plain.get(name, value) != value:
            raise InvalidParameters(
                f"{name} has no meaning for a model that a plug-in brings; leave it out", field=f"parameters.{name}"
            )
    return parameters.model_dump(include=set(_PICTURE if picture else _TEXT))


def _is_text(made: Any) -> TypeGuard[str]:
    """Returns whether this is a string of whole characters: half of a surrogate pair can be neither sent nor kept."""
    if not isinstance(made, str):
        return False
    try:
        made.encode()
    except UnicodeEncodeError:
        return False
    return True


def _described(made: Any) -> str:
    if isinstance(made, np.ndarray):
        return f"an array of {made.dtype} of shape {made.shape}"
    return f"{type(made).__name__} {made!r:.60}"


def _card(side: int) -> ImageCard:
    return ImageCard(
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
