"""A closed-form law as a Generator."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Sequence
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from smoothgen.certificates import ModelIdentity
from smoothgen.contracts import Parameters, TextParameters
from smoothgen.errors import InvalidPrompt
from smoothgen.mechanisms import Gaussian
from workers.generators.closed_form.laws import SPECS
from workers.generators.conditions import Condition, Draw, Smoothing
from workers.generators.outputs import Failure, Made, Text
from workers.generators.protocol import OutputKind
from workers.generators.stops import cut


class ClosedForm:
    """A model of SPECS as a Generator. Its condition is one-dimensional and consists of x itself."""

    default_sigma = 1.0
    longest_prompt_tokens = None
    largest_dimension = 1
    precision = "float64"
    batch_sensitivity = None
    mechanisms = ("embedding",)
    default_betas: ClassVar[dict[str, float]] = {}
    output_kind: OutputKind = "number"
    for_learning = True
    image = None
    classifier = None

    def __init__(self, name: str) -> None:
        self._name, self._spec = name, SPECS[name]

    @cached_property
    def identity(self) -> ModelIdentity:
        """Returns the model's identity. The name defines the model, so its digest replaces that of weights."""
        return ModelIdentity(self._name, "v1", f"sha256:{hashlib.sha256(self._name.encode()).hexdigest()}")

    @property
    def description(self) -> str:
        """Returns the sentence for GET /models."""
        return self._spec.description

    def condition(self, prompt: str, parameters: Parameters, smoothing: Smoothing) -> Condition:
        """Reads the number x. Raises InvalidPrompt for anything that is no number between -1e6 and 1e6."""
        del parameters
        try:
            x = float(prompt)
        except ValueError:
            x = math.nan
        if not (math.isfinite(x) and abs(x) <= 1e6):
            raise InvalidPrompt(
                f'model {self._name!r} takes a number between -1e6 and 1e6 as its prompt, such as "0.5"; '
                f"got {prompt!r:.80}",
                field="prompt",
            )
        return Condition(
            np.array([x], dtype=np.float32),
            "input number",
            Gaussian(smoothing.level),
            held_fixed=(),
            random=False,
            mixes=(),
        )

    def generate(
        self,
        condition: Condition,
        noise: NDArray[np.float64],
        draws: Sequence[Draw],
        parameters: Parameters,
    ) -> list[Made | Failure]:
        """Returns g at every noisy x, as text up to the first of the request's stops. The model draws no randomness ω
        of its own."""
        del draws
        stops = parameters.stop if isinstance(parameters, TextParameters) else None
        if self._spec.batch_s:
            time.sleep(self._spec.batch_s)
        outputs = self._spec.law(condition.noisy(noise)[:, 0])
        return [Text(cut(repr(float(y)), stops)[0]) for y in outputs]
