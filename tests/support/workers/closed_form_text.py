"""A text model whose answer to any prompt is a short formula, so that a whole set of edits can be checked by hand."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from smoothgen.certificates import ModelIdentity
from smoothgen.contracts import EDITS, PASSAGES, UNNOISED, WORDS, Parameters
from smoothgen.errors import InvalidPrompt
from smoothgen.mechanisms import Gaussian
from workers.generators import Condition, Draw, Failure, Made, Smoothing, Text
from workers.generators.protocol import OutputKind
from workers.generators.unnoised import Unnoised


def answer(prompt: str) -> str | None:
    """Returns what the model says: three words that depend on the words of the prompt. None where it refuses a prompt
    with a doubled letter at its end, or fails on one with a question mark."""
    if re.search(r"(.)\1$", prompt) or "?" in prompt:
        return None
    words = prompt.split()
    first = re.sub(r"\W", "", words[0]).lower()
    return " ".join([first or "none", "caps" if prompt.isupper() else "small", str(len(words))])


class ClosedFormText:
    """The model of `answer`. x is the prompt's bytes, so prompts differ in length as they do in a language model."""

    identity = ModelIdentity("closed-form-text", "v1", "sha256:" + "7" * 64)
    description = "says what `answer` says"
    default_sigma = 1.0
    longest_prompt_tokens = None
    largest_dimension = None
    precision: str = "float32"
    batch_sensitivity: float | None = None
    mechanisms = ("embedding", EDITS, PASSAGES, WORDS)
    default_betas: ClassVar[dict[str, float]] = {}
    output_kind: OutputKind = "text"
    for_learning = False
    image = None
    classifier = None

    def __init__(self) -> None:
        self.read: list[str] = []
        """Every prompt the model answered, in order."""

    def condition(self, prompt: str, parameters: Parameters, smoothing: Smoothing) -> Condition:
        del parameters
        if re.search(r"(.)\1$", prompt):
            raise InvalidPrompt("the prompt stutters at its end", field="prompt")
        x = np.frombuffer(prompt.encode(), dtype=np.uint8).astype(np.float32)
        mechanism = Unnoised() if smoothing.mechanism in UNNOISED else Gaussian(smoothing.level)
        return Condition(x, "bytes", mechanism, held_fixed=(), random=False, mixes=(x.size,), numbers_per_token=1)

    def generate(
        self, condition: Condition, noise: NDArray[np.float64], draws: Sequence[Draw], parameters: Parameters
    ) -> list[Made | Failure]:
        del draws, parameters
        return [self._said(x) for x in condition.noisy(noise)]

    def _said(self, x: NDArray[np.float64]) -> Made | Failure:
        prompt = bytes(x.astype(np.uint8)).decode()
        self.read.append(prompt)
        said = answer(prompt)
        return Failure("a question") if said is None else Text(said)
