"""Tries a generator plug-in on its examples: does it keep the rules that certificates rest on?

A rule that is broken now and then, or for other prompts, is not found. This catches mistakes and proves nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from smoothgen.contracts import ImageParameters, Parameters, TextParameters
from smoothgen.errors import InvalidPlugin, SmoothGenError
from smoothgen.noise import Seed, Stream
from smoothgen.plugins import StatedGenerator
from workers.generators.conditions import Condition, Draw, Smoothing
from workers.generators.outputs import Failure, Made
from workers.generators.plugin.adapter import PluggedModel

_SEED: Final = Seed(0x9B0BE, "server")
_ROWS: Final = 4


def require_kept(name: str, model: PluggedModel, stated: StatedGenerator) -> None:
    """Raises InvalidPlugin, in one line, where the model breaks a rule of `GeneratorPlugin` on its examples."""
    probe = _Probe(model, stated)
    try:
        fault = probe.fault()
    except SmoothGenError as error:
        fault = f"it fails on its example {stated.examples[0]!r:.80}: {error}"
    except Exception as error:
        fault = f"it fails on its example {stated.examples[0]!r:.80}: {type(error).__name__}: {error}"
    if fault is not None:
        raise InvalidPlugin(
            f"generator plug-in {name!r} cannot be certified: {fault}. smoothgen.plugins.GeneratorPlugin has the rules"
        )


class _Probe:
    def __init__(self, model: PluggedModel, stated: StatedGenerator) -> None:
        self._model, self._stated = model, stated
        self._parameters: Parameters = TextParameters()
        if stated.side:
            self._parameters = ImageParameters(width=stated.side, height=stated.side)

    def fault(self) -> str | None:
        """Returns the rule that is broken; None where none is seen to be."""
        one, other = (self._condition(prompt) for prompt in self._stated.examples)
        if one.embedding.shape == other.embedding.shape and np.array_equal(one.embedding, other.embedding):
            return "its two examples have equal x, so nothing of the prompt would reach the output, or by another way"
        self._condition(self._stated.examples[0])
        first = self._made(one)
        failed = next((output.reason for output in first if isinstance(output, Failure)), None)
        if failed is not None:
            return f"it makes no output of its example {self._stated.examples[0]!r:.80}: {failed}"
        again = self._condition(self._stated.examples[0])
        if not np.array_equal(one.embedding, again.embedding) or one.held_fixed != again.held_fixed:
            return "embed gives another x, or other words on what is held fixed, for the same prompt"
        if not _equal(first, self._made(one)):
            return "equal x, randomness and parameters give other outputs the second time"
        self._condition(self._stated.examples[1])
        if not _equal(first, self._made(one)):
            return "its outputs change with the prompt that was embedded last: a way around x, which noise cannot reach"
        alone = [made for row in range(_ROWS) for made in self._made(one, [row])]
        if not _equal(first, alone) or not _equal(first, self._made(one, [3, 2, 1, 0])[::-1]):
            return "the output of a row changes with the rows beside it"
        if not self._stated.random and not _equal(first, self._made(one, stream=Stream.GENERATOR_SELECTION)):
            return "it states random=False and draws from the numpy generators"
        return None

    def _condition(self, prompt: str) -> Condition:
        common = Draw(_SEED, Stream.GENERATOR_COMMON, 0)
        smoothing = Smoothing(self._model.mechanisms[0], self._stated.default_sigma, common)
        return self._model.condition(prompt, self._parameters, smoothing)

    def _made(
        self, condition: Condition, rows: Sequence[int] = range(_ROWS), stream: Stream = Stream.GENERATOR
    ) -> list[Made | Failure]:
        noise = condition.mechanism.draw(_SEED, Stream.SELECTION, rows, condition.embedding.shape)
        return self._model.generate(condition, noise, [Draw(_SEED, stream, row) for row in rows], self._parameters)


def _equal(some: Sequence[Made | Failure], others: Sequence[Made | Failure]) -> bool:
    return all(_same(a, b) for a, b in zip(some, others, strict=True))


def _same(a: Made | Failure, b: Made | Failure) -> bool:
    if isinstance(a, Failure) or isinstance(b, Failure):
        return isinstance(a, Failure) and isinstance(b, Failure)
    ours: str | NDArray[np.uint8] = a.content
    return bool(np.array_equal(ours, b.content)) if isinstance(ours, np.ndarray) else ours == b.content
