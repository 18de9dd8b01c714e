"""What a job could prove, before a sample is drawn. Distances are made up and certified as a worker certifies real
ones, so there is no bound here of its own, and nothing here is a claim about a model."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from smoothgen.certificates.abstention import Abstention
from smoothgen.certificates.bounds.looks import FIRST_LOOK, LookPlan
from smoothgen.certificates.certificate import Certificate
from smoothgen.certificates.certify import certify_evidence
from smoothgen.certificates.evidence import Evidence
from smoothgen.certificates.stopping.decide import Stop, adds_nothing, futile_from_the_start, take_look
from smoothgen.certificates.terms import Terms
from smoothgen.certificates.universal import certify_without_samples
from smoothgen.errors import InvalidAlpha

BAD_SHARES: Final = (0.0, 0.01, 0.05, 0.2)
"""The shares of bad samples that a plan tells of."""


@dataclass(frozen=True)
class Expectation:
    """How a job ends if the same share of its samples is bad at every look.

    A bad sample lies at the diameter from the centre, and every other one at the centre: with a label metric, a bad one
    has another answer. bad: how many of `samples`, the samples of the look that ends the job. radius: what they prove,
    in the mechanism's norm. stop: why the job ends there.
    """

    bad_share: float
    bad: int
    samples: int
    radius: float
    stop: Stop


def radius_without_samples(terms: Terms, *, diameter: float) -> float:
    """Returns the radius that holds for any generator, T1 and a proven T4, whatever the samples say.

    diameter: D, metric units. Raises as `certify` does.
    """
    return _radius(certify_without_samples(diameter, replace(terms, epsilon=None)))


def expected(
    bad_share: float,
    terms: Terms,
    *,
    diameter: float,
    radius_tolerance: float | None = None,
    peek: int | None = None,
) -> Expectation:
    """Returns how a job under these terms ends if this share of its samples is bad, rounded up to whole samples.

    Every look is decided by `take_look`, and what is out of reach from the start by `futile_from_the_start`, as in the
    job. bad_share: in [0, 1]. diameter: D, metric units, and the bound on distances to the centre. radius_tolerance: of
    the request. peek: after how many samples the job falls back on what holds without any, where further ones would add
    nothing (`adds_nothing`); None where it does not ask. Raises as `certify` does; InvalidDistances without a plan.
    """
    if futile_from_the_start(terms, bound=diameter, diameter=diameter) is not None:
        return Expectation(bad_share, 0, 0, radius_without_samples(terms, diameter=diameter), Stop.OUT_OF_REACH)
    if peek is not None and adds_nothing(_evidence(bad_share, peek, diameter), terms):
        without = radius_without_samples(terms, diameter=diameter)
        return Expectation(bad_share, _bad(bad_share, peek), peek, without, Stop.SETTLED)
    for size in terms.require_plan().sizes:
        evidence = _evidence(bad_share, size, diameter)
        stop = take_look(evidence, terms, radius_tolerance=radius_tolerance).stop
        if stop is not None:
            break
    radius = _radius(certify_evidence(evidence, replace(terms, epsilon=None)))
    return Expectation(bad_share, _bad(bad_share, size), size, radius, stop or Stop.SAMPLE_LIMIT)


def least_samples(terms: Terms, plan_of: Callable[[int], LookPlan], *, diameter: float, most: int) -> int | None:
    """Returns the least number of samples with which a job could prove the asked epsilon: that proves it if no sample
    is bad. 0 where none is needed, None where `most` are too few.

    terms: with an epsilon. plan_of: the looks of a job of so many samples, `LookPlan.doubling` or `LookPlan.single` of
    one alpha. diameter: D, metric units. most: 1 at least. Raises as `certify` does.
    """
    if isinstance(certify_without_samples(diameter, terms), Certificate):
        return 0

    def hopeful(samples: int) -> bool:
        try:
            planned = replace(terms, plan=plan_of(samples))
            return futile_from_the_start(planned, bound=diameter, diameter=diameter) is None
        except InvalidAlpha:  # so many samples have looks that leave the claims on scores too little of alpha each
            return False

    for first, last in _stretches(most):
        if hopeful(last):
            while first < last:
                middle = (first + last) // 2
                first, last = (first, middle) if hopeful(middle) else (middle + 1, last)
            return last
    return None


def _stretches(most: int) -> Iterator[tuple[int, int]]:
    """Returns the ranges of n, first and last, in which plans have one number of looks, and so one alpha for the last.

    Inside a range more samples prove more. From one to the next they may prove less: a look more takes its share of
    alpha from the last one.
    """
    first, last = 1, 2 * (FIRST_LOOK - 1)
    while first <= most:
        yield first, min(last, most)
        first, last = last + 1, 2 * last


def _evidence(bad_share: float, samples: int, diameter: float) -> Evidence:
    distances = np.zeros(samples)
    distances[: _bad(bad_share, samples)] = diameter
    return Evidence.from_measurements(distances, bound=diameter, diameter=diameter)


def _bad(bad_share: float, samples: int) -> int:
    # The subtraction undoes the rounding of a product that is a whole number, such as 0.07 · 100.
    return max(0, math.ceil(bad_share * samples - 1e-9))


def _radius(outcome: Certificate | Abstention) -> float:
    """Returns the radius of what was certified without an epsilon, and so never abstains."""
    return outcome.radius if isinstance(outcome, Certificate) else 0.0
