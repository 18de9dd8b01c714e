"""What a plan tells of a job, against `certify` on distances made for the purpose."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

from smoothgen import Abstention, Certificate, Gaussian, certify, certify_universal
from smoothgen.certificates import LookPlan, Stop, Terms
from smoothgen.certificates.bounds.bands import ORDER_STATISTICS, TWO_VALUED
from smoothgen.certificates.bounds.lipschitz import Lipschitz
from smoothgen.certificates.planning import BAD_SHARES, _stretches, expected, least_samples, radius_without_samples
from smoothgen.errors import InvalidAlpha, InvalidDistances

ALPHA, TOLERANCE = 1e-3, 0.1
BANDS = (ORDER_STATISTICS.name, TWO_VALUED.name)


def doubling(samples: int) -> LookPlan:
    return LookPlan.doubling(samples, ALPHA)


def terms(plan: LookPlan | None, **changes: Any) -> Terms:
    return Terms(Gaussian(0.5), ALPHA, TOLERANCE, **{"plan": plan, **changes})


def certified(bad: int, samples: int, diameter: float = 1.0, **changes: Any) -> Certificate | Abstention:
    distances = np.random.default_rng(bad).permutation([diameter] * bad + [0.0] * (samples - bad))
    settings = {"mechanism": Gaussian(0.5), "alpha": ALPHA, "tolerance": TOLERANCE, **changes}
    return certify(distances, bound=diameter, diameter=diameter, **settings)


@pytest.mark.parametrize("band", BANDS)
@pytest.mark.parametrize("diameter", [1.0, 0.3])
@pytest.mark.parametrize("share", [*BAD_SHARES, 0.5, 1.0])
def test_without_an_epsilon_the_radius_is_that_of_all_samples(share: float, diameter: float, band: str) -> None:
    told = expected(share, terms(LookPlan.single(150, ALPHA), band=band), diameter=diameter)
    certificate = certified(math.ceil(round(share * 150, 6)), 150, diameter, band=band)
    assert isinstance(certificate, Certificate)
    assert (told.radius, told.samples, told.stop) == (certificate.radius, 150, Stop.SAMPLE_LIMIT)
    assert told.bad == round(math.ceil(round(share * 150, 6)))


@pytest.mark.parametrize("band", BANDS)
@pytest.mark.parametrize("epsilon", [0.05, 0.15, 0.25, 0.35])
@pytest.mark.parametrize("share", BAD_SHARES)
def test_a_job_that_proves_an_epsilon_ends_at_the_first_look_that_does(share: float, epsilon: float, band: str) -> None:
    plan = doubling(500)
    told = expected(share, terms(plan, epsilon=epsilon, band=band), diameter=1.0)
    asked = {"plan": plan, "epsilon": epsilon, "band": band}
    proving = [
        size
        for size in plan.sizes
        if isinstance(certified(math.ceil(round(share * size, 6)), size, **asked), Certificate)
    ]
    if told.stop is Stop.PROVEN:
        assert told.samples == proving[0]
        whole = certified(told.bad, told.samples, plan=plan, band=band)
        assert isinstance(whole, Certificate)
        assert told.radius == whole.radius >= epsilon
    else:
        assert told.samples not in proving
        assert told.radius < epsilon


def test_what_cannot_be_proven_takes_no_sample() -> None:
    told = expected(0.0, terms(doubling(100), epsilon=2.0), diameter=1.0)
    assert (told.samples, told.bad, told.stop) == (0, 0, Stop.OUT_OF_REACH)
    assert told.radius == radius_without_samples(terms(None), diameter=1.0)


def test_more_bad_samples_prove_less_and_never_less_than_none() -> None:
    radii = [expected(share, terms(LookPlan.single(500, ALPHA)), diameter=1.0).radius for share in BAD_SHARES]
    assert radii == sorted(radii, reverse=True)
    assert radii[-1] >= radius_without_samples(terms(None), diameter=1.0)


def test_a_settled_radius_ends_a_job_early() -> None:
    plan = doubling(5000)
    told = expected(0.2, terms(plan), diameter=1.0, radius_tolerance=0.5)
    assert told.stop is Stop.SETTLED
    assert told.samples < 5000
    assert expected(0.2, terms(plan), diameter=1.0).samples == 5000


def test_a_job_that_peeks_falls_back_on_the_radius_without_samples_where_more_add_nothing() -> None:
    plan = LookPlan.single(500, ALPHA)
    told = expected(0.5, terms(plan), diameter=1.0, peek=62)
    assert (told.samples, told.bad, told.stop) == (62, 31, Stop.SETTLED)
    assert told.radius == radius_without_samples(terms(plan), diameter=1.0)
    assert expected(0.01, terms(plan), diameter=1.0, peek=62) == expected(0.01, terms(plan), diameter=1.0)


def test_a_share_that_makes_whole_samples_is_not_rounded_up() -> None:
    plan = LookPlan.single(100, ALPHA)
    assert [expected(share, terms(plan), diameter=1.0).bad for share in (0.07, 0.29, 0.291)] == [7, 29, 30]


def test_the_radius_without_samples_is_that_of_the_universal_certificate() -> None:
    for constant in (None, Lipschitz(0.1, 0.0, (0.1,), "pixel-rmse")):
        universal = certify_universal(
            diameter=1.0, mechanism=Gaussian(0.5), alpha=ALPHA, tolerance=TOLERANCE, lipschitz=constant
        )
        assert isinstance(universal, Certificate)
        told = radius_without_samples(terms(None, lipschitz=constant, epsilon=9.0), diameter=1.0)
        assert told == universal.radius


@pytest.mark.parametrize("band", BANDS)
@pytest.mark.parametrize("epsilon", [0.14, 0.2, 0.232, 0.236, 0.3])
def test_the_least_number_is_the_first_that_could_prove_it(epsilon: float, band: str) -> None:
    """The scan certifies n samples at the centre, at each look of a job of n samples."""

    def could(samples: int) -> bool:
        plan = doubling(samples)
        asked = {"plan": plan, "epsilon": epsilon, "band": band}
        return any(isinstance(certified(0, size, **asked), Certificate) for size in plan.sizes)

    scanned = next((n for n in range(1, 200) if could(n)), None)
    assert least_samples(terms(None, epsilon=epsilon, band=band), doubling, diameter=1.0, most=199) == scanned


def test_a_look_more_can_cost_what_one_sample_more_brings() -> None:
    """58 samples have one look and all of alpha, 59 have two."""
    one, two = certified(0, 58), certified(0, 59, plan=doubling(59))
    assert isinstance(one, Certificate)
    assert isinstance(two, Certificate)
    assert one.radius > two.radius
    between = terms(None, epsilon=one.radius)
    assert least_samples(between, doubling, diameter=1.0, most=20_000) == 58
    assert least_samples(between, doubling, diameter=1.0, most=59) == 58


def test_numbers_whose_looks_leave_claims_too_little_of_alpha_prove_nothing() -> None:
    """One sample has one look, which the confidence allows; the looks of more samples share it, and it does not."""

    def refused(samples: int) -> LookPlan:
        if samples > 58:
            raise InvalidAlpha("too little for each look", field="confidence")
        return doubling(samples)

    within, beyond = (certified(0, size) for size in (58, 500))
    assert isinstance(within, Certificate)
    assert isinstance(beyond, Certificate)
    assert least_samples(terms(None, epsilon=within.radius), refused, diameter=1.0, most=20_000) == 58
    assert least_samples(terms(None, epsilon=beyond.radius), refused, diameter=1.0, most=20_000) is None


def test_no_sample_is_needed_for_what_holds_of_any_generator() -> None:
    universal = radius_without_samples(terms(None), diameter=1.0)
    assert least_samples(terms(None, epsilon=universal), doubling, diameter=1.0, most=10) == 0
    proven = terms(None, epsilon=0.9, lipschitz=Lipschitz(0.1, 0.0, (0.1,), "pixel-rmse"))
    assert least_samples(proven, doubling, diameter=1.0, most=10) == 0


def test_where_the_most_are_too_few_there_is_no_least_number() -> None:
    assert least_samples(terms(None, epsilon=1.0), doubling, diameter=1.0, most=1000) is None


@pytest.mark.parametrize("most", [1, 57, 58, 59, 500, 20_000])
def test_inside_a_stretch_plans_have_one_number_of_looks(most: int) -> None:
    stretches = list(_stretches(most))
    assert stretches[0][0] == 1
    assert stretches[-1][1] == most
    for first, last in stretches:
        looks = {len(doubling(n).sizes) for n in {first, (first + last) // 2, last}}
        assert len(looks) == 1
    for (_, last), (first, _) in itertools.pairwise(stretches):
        assert first == last + 1
        assert len(doubling(first).sizes) == len(doubling(last).sizes) + 1


def test_a_job_that_looks_needs_a_plan() -> None:
    with pytest.raises(InvalidDistances, match="needs a plan"):
        expected(0.0, terms(None), diameter=1.0)


@pytest.mark.parametrize("share", [0.01, 0.05, 0.2])
def test_jobs_whose_samples_are_bad_with_that_probability_prove_about_as_much(share: float) -> None:
    """200 jobs of 500 answers each: in the median the radius is the expected one, within a twentieth."""
    told = expected(share, terms(LookPlan.single(500, ALPHA), band=TWO_VALUED.name), diameter=1.0)
    counts, jobs = np.unique(np.random.default_rng(7).binomial(500, share, size=200), return_counts=True)
    radii: list[float] = []
    for bad, times in zip(counts.tolist(), jobs.tolist(), strict=True):
        certificate = certified(bad, 500, band=TWO_VALUED.name)
        assert isinstance(certificate, Certificate)
        radii += [certificate.radius] * times
    assert np.median(radii) == pytest.approx(told.radius, rel=0.05)
    assert min(radii) < told.radius < max(radii)
