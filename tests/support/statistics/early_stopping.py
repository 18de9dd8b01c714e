"""Jobs that may stop early, on generators known exactly: which look is taken, and whether what it says is false."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from smoothgen import LookPlan
from smoothgen.certificates import Evidence
from smoothgen.certificates.bounds.bands import SurvivalBand, band_by_name
from tests.support.statistics.closed_form import ClosedForm
from tests.support.statistics.validity import covers

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Shown:
    """What one look shows: its distances in sample order, and the band it may state. is_false: what only the truth
    knows, whether that band lies below the exact survival function anywhere."""

    distances: Array
    band: SurvivalBand
    is_false: bool

    @cached_property
    def bound(self) -> float:
        """T2 at half a sigma."""
        return float(self.band.integral_of_worst_shift(np.array([0.5]))[0])


Rule = Callable[[list[Shown], np.random.Generator], int]
"""Which look is taken, from all of them: more than any job knows."""


def best_bound(shown: list[Shown], rng: np.random.Generator) -> int:
    """The look that promises most."""
    return int(np.argmin([look.bound for look in shown]))


def as_soon_as_proven(shown: list[Shown], rng: np.random.Generator) -> int:
    """The first look that promises more than all looks do on average."""
    bounds = np.array([look.bound for look in shown])
    return int(np.argmax(bounds <= bounds.mean()))


def any_look(shown: list[Shown], rng: np.random.Generator) -> int:
    """A deadline that comes whenever it comes."""
    return int(rng.integers(len(shown)))


def after_a_small_sample(shown: list[Shown], rng: np.random.Generator) -> int:
    """Stop while it goes well: the first look whose last sample is below the average of its own."""
    small = [look.distances[-1] < look.distances.mean() for look in shown]
    return small.index(True) if any(small) else len(shown) - 1


def a_false_one(shown: list[Shown], rng: np.random.Generator) -> int:
    """A false look wherever there is one: no rule does worse."""
    return next((j for j, look in enumerate(shown) if look.is_false), 0)


RULES = {rule.__name__: rule for rule in (best_bound, as_soon_as_proven, any_look, after_a_small_sample, a_false_one)}


def by_index(drawn: Array, size: int, rng: np.random.Generator) -> Array:
    """The samples with index below the size of the look."""
    return drawn[:size]


def first_to_finish(drawn: Array, size: int, rng: np.random.Generator) -> Array:
    """WRONG: the first so many to come back, where an output close to the centre takes a fifth of the time."""
    took = rng.exponential(np.where(drawn > drawn.mean(), 5.0, 1.0))
    return drawn[np.argsort(took)[:size]]


def false_choices(
    generator: ClosedForm,
    plan: LookPlan,
    *,
    band: str,
    repeats: int,
    seed: int,
    take: Callable[[Array, int, np.random.Generator], Array] = by_index,
) -> dict[str, int]:
    """For each rule, in how many of the repeats the look it takes states a band that is false somewhere."""
    rng = np.random.default_rng(seed)
    false = dict.fromkeys(RULES, 0)
    for drawn in generator.sample_distances(rng, (repeats, plan.sizes[-1])):
        shown = [
            _shown(generator, take(drawn, size, rng), alpha, band)
            for size, alpha in zip(plan.sizes, plan.alphas, strict=True)
        ]
        for name, rule in RULES.items():
            false[name] += shown[rule(shown, rng)].is_false
    return false


def _shown(generator: ClosedForm, distances: Array, alpha: float, band: str) -> Shown:
    evidence = Evidence.from_measurements(distances, bound=generator.bound, diameter=1.0)
    built = band_by_name(band).build(evidence.ordered(generator.bound), generator.bound, alpha)
    return Shown(distances, built, not covers(generator, built))
