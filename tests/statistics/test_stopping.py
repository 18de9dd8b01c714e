"""What stopping early saves, what the plan of looks costs, and how often a job is given up that would have been proven.

None of it can make a certificate false (tests/statistics/test_early_stopping.py); a bad rule wastes samples or proofs.
"""

from collections.abc import Iterator
from functools import cache

import numpy as np
import pytest

from smoothgen import Certificate, Gaussian, LookPlan, certify
from smoothgen.certificates.stopping.decide import Stop
from tests.support.certificates.looking import look_at
from tests.support.statistics.closed_form import GENERATORS, HEAVY_TAIL, LABELS, NARROW, TANH, ClosedForm
from tests.support.statistics.validity import most_false_claims

ALPHA, SAMPLES, TOLERANCE = 1e-3, 500, 0.1
PLAN = LookPlan.doubling(SAMPLES, ALPHA)
# Their distances are 0 or one other value, so a look's result depends on a count alone and is computed once.
TWO_VALUED = {
    "label, rarely lost": (LABELS["label, rarely lost"], "two-valued/v1"),
    "rare step": (GENERATORS["rare step"], "order-statistics/v1"),
    "three-valued": (GENERATORS["three-valued"], "order-statistics/v1"),
}


def asked(generator: ClosedForm, band: str = "order-statistics/v1"):
    return {
        "bound": generator.bound,
        "diameter": 1.0,
        "mechanism": Gaussian(1.0),
        "alpha": ALPHA,
        "tolerance": TOLERANCE,
        "band": band,
    }


def jobs(generator: ClosedForm, repeats: int, seed: int) -> np.ndarray:
    return generator.sample_distances(np.random.default_rng(seed), (repeats, SAMPLES))


def usual_radius(generator: ClosedForm, band: str) -> float:
    """What the last look proves in the middle one of 31 jobs."""
    made = [certify(drawn, **asked(generator, band), plan=PLAN) for drawn in jobs(generator, 31, seed=1)]
    return float(np.median([certificate.radius for certificate in made]))


def stops(generator: ClosedForm, band: str, epsilon: float, repeats: int, seed: int) -> Iterator[list[Stop | None]]:
    """Every look's decision, of every job, for generators whose distances are 0 or one other value."""
    other = float(generator.distances.max())

    @cache
    def stop(size: int, count: int) -> Stop | None:
        distances = np.where(np.arange(size) < count, other, 0.0)
        return look_at(distances, **asked(generator, band), plan=PLAN, epsilon=epsilon).stop

    counted = np.cumsum(jobs(generator, repeats, seed) > 0, axis=1)[:, np.array(PLAN.sizes) - 1]
    for row in counted.tolist():
        yield [stop(size, count) for size, count in zip(PLAN.sizes, row, strict=True)]


@pytest.mark.parametrize("times", [0.9, 1.0, 1.05])
@pytest.mark.parametrize("name", TWO_VALUED)
def test_near_the_edge_a_job_is_rarely_given_up_that_would_have_been_proven(name, times):
    """In at most one of a hundred jobs; measured, at most one in 250."""
    generator, band = TWO_VALUED[name]
    repeats = 4000
    wrong = 0
    for decided in stops(generator, band, times * usual_radius(generator, band), repeats, seed=2):
        first = next(j for j, stop in enumerate(decided) if stop is not None)
        wrong += decided[first] is Stop.OUT_OF_REACH and Stop.PROVEN in decided[first:]
    assert wrong <= most_false_claims(repeats, 0.01)


@pytest.mark.parametrize("name", TWO_VALUED)
def test_twice_the_radius_is_given_up_at_the_first_look_or_the_second(name):
    generator, band = TWO_VALUED[name]
    looks = [
        next(j for j, stop in enumerate(decided) if stop is not None)
        for decided in stops(generator, band, 2 * usual_radius(generator, band), 1000, seed=3)
    ]
    assert np.mean(np.equal(looks, 0)) > 0.8
    assert np.mean(np.array(PLAN.sizes)[looks] <= SAMPLES / 4) > 0.995


@pytest.mark.parametrize("generator", [TANH, NARROW, HEAVY_TAIL], ids=["tanh", "narrow", "heavy tail"])
def test_continuous_distances_are_decided_alike(generator):
    radius = usual_radius(generator, "order-statistics/v1")
    for drawn in jobs(generator, 20, seed=4):
        easy, hard = (samples_used(generator, drawn, epsilon=times * radius) for times in (0.5, 2))
        assert easy <= SAMPLES / 4
        assert hard == PLAN.sizes[0]
        gave_up, proves = (
            look_at(drawn[:n], **asked(generator), plan=PLAN, epsilon=0.98 * radius).stop for n in (63, 500)
        )
        assert not (gave_up is Stop.OUT_OF_REACH and proves is Stop.PROVEN)


def samples_used(generator: ClosedForm, drawn: np.ndarray, **wanted) -> int:
    return next(n for n in PLAN.sizes if look_at(drawn[:n], **asked(generator), plan=PLAN, **wanted).stop is not None)


def test_a_settled_radius_is_within_the_fraction_of_the_one_all_samples_give():
    """On average: a look judges by what it has seen, and the next halving adds less than this one."""
    for generator, most in ((TANH, 40), (NARROW, 500), (HEAVY_TAIL, 500)):
        used, shares = [], []
        for drawn in jobs(generator, 20, seed=5):
            used.append(samples_used(generator, drawn, radius_tolerance=0.1))
            stopped = certify(drawn[: used[-1]], **asked(generator), plan=PLAN)
            shares.append(stopped.radius / certify(drawn, **asked(generator), plan=PLAN).radius)
        assert np.mean(used) <= most
        assert np.mean(shares) >= 0.85


@pytest.mark.parametrize("name", GENERATORS)
def test_the_plan_costs_at_most_a_few_percent_of_the_radius(name):
    """The last look with half of alpha, against a single look with all of it. The grid of ranks depends on alpha too,
    so where few values occur the smaller share can prove more by luck."""
    for drawn in jobs(GENERATORS[name], 5, seed=6):
        last = certify(drawn, **asked(GENERATORS[name]), plan=PLAN)
        single = certify(drawn, **asked(GENERATORS[name]))
        assert isinstance(last, Certificate)
        assert isinstance(single, Certificate)
        assert 0.96 * single.radius <= last.radius <= 1.05 * single.radius
