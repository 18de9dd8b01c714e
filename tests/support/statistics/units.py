"""Generators on tiny lists of units whose law is known exactly, and every list that m edits can make of one."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from fractions import Fraction

import numpy as np

Units = tuple[int, ...]
Generator = Callable[[Units], float]
Law = dict[float, Fraction]
POISON = 99
"""A unit that no honest list holds."""


def by_size(units: Units, size: int, generator: Generator) -> Law:
    """The law of the output when a uniform subset of so many units is kept, counted."""
    subsets = list(itertools.combinations(units, size))
    return mixed((generator(kept), Fraction(1, len(subsets))) for kept in subsets)


def by_probability(units: Units, probability: Fraction, generator: Generator) -> Law:
    """The law of the output when every unit is kept by itself."""

    def weighted() -> Iterator[tuple[float, Fraction]]:
        for chosen in itertools.product((False, True), repeat=len(units)):
            kept = tuple(itertools.compress(units, chosen))
            yield generator(kept), probability ** len(kept) * (1 - probability) ** (len(units) - len(kept))

    return mixed(weighted())


def mixed(parts: Iterator[tuple[float, Fraction]]) -> Law:
    law: Law = {}
    for output, weight in parts:
        law[output] = law.get(output, Fraction(0)) + weight
    return law


def w1(one: Law, other: Law) -> Fraction:
    """W₁ between two laws of numbers: the area between their distribution functions."""
    places = sorted({*one, *other})
    area, gap = Fraction(0), Fraction(0)
    for here, following in itertools.pairwise(places):
        gap += one.get(here, Fraction(0)) - other.get(here, Fraction(0))
        area += abs(gap) * (Fraction(following) - Fraction(here))
    return area


def attacked(units: Units, edits: int) -> set[Units]:
    """Every list that at most so many replacements, deletions and insertions make, with poison and honest units."""
    letters = (*dict.fromkeys(units), POISON)
    found = {units}
    for _ in range(edits):
        found |= {other for one in found for other in _one_edit(one, letters)}
    return found


def _one_edit(units: Units, letters: Units) -> Iterator[Units]:
    for place in range(len(units) + 1):
        for letter in letters:
            yield (*units[:place], letter, *units[place:])
            if place < len(units):
                yield (*units[:place], letter, *units[place + 1 :])
        if place < len(units):
            yield (*units[:place], *units[place + 1 :])


def gullible(honest: Generator, misled: float) -> Generator:
    """Says what the attacker wants as soon as it reads poison, else what the honest generator says."""
    return lambda kept: misled if POISON in kept else honest(kept)


def table(seed: int, outputs: tuple[float, ...]) -> Generator:
    """Any function of the kept list at all: an output drawn for each list when it is first asked for."""
    rng, known = np.random.default_rng(seed), {}

    def generator(kept: Units) -> float:
        if kept not in known:
            known[kept] = outputs[rng.integers(len(outputs))]
        return known[kept]

    return generator
