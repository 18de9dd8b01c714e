"""What a plug-in states of itself, read and held to what a certificate needs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

from smoothgen.certificates.evidence import LARGEST_BOUND, LEAST_BOUND
from smoothgen.errors import InvalidPlugin
from smoothgen.plugins.entry_points import FAULTS

_OUTPUTS: Final = ("text", "picture")
_KINDS: Final = ("text", "number", "picture")
_PRECISIONS: Final = ("float32", "float64")
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_LONGEST: Final = 200
_LARGEST: Final = 10_000_000
_LEAST_SIGMA, _MOST_SIGMA = 1e-9, 1e6
"""The noise levels that requests may ask for."""


@dataclass(frozen=True)
class StatedMetric:
    """What a metric states: D, the kinds of outputs it compares, and what it measures."""

    diameter: float
    outputs: tuple[str, ...]
    description: str


@dataclass(frozen=True)
class StatedGenerator:
    """What a generator states. The fields are those of `GeneratorPlugin`; side: 0 for a model of texts."""

    description: str
    output_kind: Literal["text", "number", "picture"]
    attack_on: str
    dimension: int
    default_sigma: float
    random: bool
    precision: str
    weights: str
    examples: tuple[str, str]
    side: int


def stated_by_metric(name: str, factory: Any) -> StatedMetric:
    """Returns what a metric's class states. Raises InvalidPlugin, which names the attribute and what it must be."""
    stated = _Attributes(f"metric plug-in {name!r}", factory)
    diameter = stated.number("diameter", "D, which no distance exceeds", LEAST_BOUND, LARGEST_BOUND)
    outputs = stated.get("outputs", "a sequence of 'text' and 'picture', what it compares")
    if not _is_sequence(outputs) or not outputs or not set(outputs) <= set(_OUTPUTS):
        raise stated.refused("outputs", "a sequence of 'text' and 'picture', what it compares")
    return StatedMetric(diameter, tuple(outputs), stated.words("description", "what it measures"))


def stated_by_generator(name: str, plugin: Any) -> StatedGenerator:
    """Returns what a generator states. Raises InvalidPlugin, which names the attribute and what it must be."""
    stated = _Attributes(f"generator plug-in {name!r}", plugin)
    dimension = stated.get("dimension", "the most numbers that its x has, a whole number above 0")
    if not isinstance(dimension, int) or isinstance(dimension, bool) or not 0 < dimension <= _LARGEST:
        raise stated.refused("dimension", f"the most numbers that its x has, a whole number in 1 to {_LARGEST}")
    deterministic = "True: equal x, randomness and parameters give equal outputs; a certificate is about such a model"
    if stated.get("deterministic", deterministic) is not True:
        raise stated.refused("deterministic", deterministic)
    random = stated.get("random", "whether it draws from the numpy generators it is given, True or False")
    if not isinstance(random, bool):
        raise stated.refused("random", "whether it draws from the numpy generators it is given, True or False")
    weights = stated.get("weights", "'sha256:<hex>' over its weights, or '' where it has none")
    if weights != "" and not (isinstance(weights, str) and _DIGEST.fullmatch(weights)):
        raise stated.refused("weights", "'sha256:<hex>' over its weights, or '' where it has none")
    kind = cast(Literal["text", "number", "picture"], stated.one_of("output_kind", _KINDS))
    return StatedGenerator(
        description=stated.words("description", "one sentence on the model"),
        output_kind=kind,
        attack_on=stated.words("attack_on", "what its x is: what is noised and attacked"),
        dimension=dimension,
        default_sigma=stated.number("default_sigma", "a noise level", _LEAST_SIGMA, _MOST_SIGMA),
        random=random,
        precision=stated.one_of("precision", _PRECISIONS),
        weights=weights,
        examples=_examples(stated),
        side=_side(stated) if kind == "picture" else 0,
    )


def _examples(stated: _Attributes) -> tuple[str, str]:
    meant = "two different prompts that it takes under default parameters"
    examples = stated.get("examples", meant)
    if not _is_sequence(examples) or len(set(examples)) != 2 or not all(isinstance(e, str) and e for e in examples):
        raise stated.refused("examples", meant)
    return examples[0], examples[1]


def _side(stated: _Attributes) -> int:
    meant = "the width and height of its pictures, a multiple of 8 in 8 to 4096"
    side = stated.get("side", meant)
    if not isinstance(side, int) or isinstance(side, bool) or side % 8 or not 8 <= side <= 4096:
        raise stated.refused("side", meant)
    return side


class _Attributes:
    """Reads attributes. Each method raises InvalidPlugin for one that is missing or is not what it must be."""

    def __init__(self, who: str, plugin: Any) -> None:
        self._who, self._plugin = who, plugin

    def get(self, name: str, meant: str) -> Any:
        try:
            return getattr(self._plugin, name)
        except FAULTS as error:
            raise InvalidPlugin(
                f"{self._who} does not state {name} ({type(error).__name__}: {error}); it must be {meant}"
            ) from error

    def refused(self, name: str, meant: str) -> InvalidPlugin:
        return InvalidPlugin(f"{self._who} states {name}={getattr(self._plugin, name)!r:.80}; it must be {meant}")

    def number(self, name: str, meant: str, least: float, most: float) -> float:
        meant = f"{meant}, a number in {least:g} to {most:g}"
        value = self.get(name, meant)
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:  # NaN too
            raise self.refused(name, meant)
        return float(value)

    def words(self, name: str, meant: str, *, longest: int = _LONGEST) -> str:
        meant = f"{meant}, in 1 to {longest} printable characters"
        value = self.get(name, meant)
        if not isinstance(value, str) or not 0 < len(value) <= longest or not value.isprintable():
            raise self.refused(name, meant)
        return value

    def one_of(self, name: str, known: Sequence[str]) -> str:
        meant = f"one of {', '.join(known)}"
        value = self.get(name, meant)
        if value not in known:
            raise self.refused(name, meant)
        return str(value)


def _is_sequence(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)
