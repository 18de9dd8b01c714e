"""At alpha = 0.05 in total, how often is the certificate of a job that chose its own look false?

A sound plan fails one of these tests once in a million runs, whatever rule chooses; looks that are not paid for, and
samples taken as they finish, are caught by the same counts.
"""

from functools import cache

import numpy as np
import pytest

from smoothgen import Certificate, Gaussian, LookPlan, certify
from smoothgen.certificates.stopping.decide import Stop
from tests.support.certificates.looking import look_at
from tests.support.statistics.closed_form import GENERATORS, LABELS, NARROW, step_function
from tests.support.statistics.early_stopping import RULES, by_index, false_choices, first_to_finish
from tests.support.statistics.validity import most_false_claims

ALPHA = 0.05
PLAN = LookPlan.doubling(500, ALPHA)
REPEATS = 4000
SPREAD, LABEL = "order-statistics/v1", "two-valued/v1"
# Every look with all of alpha; and so does a look after every tenth sample.
UNPAID = LookPlan(PLAN.sizes, (ALPHA,) * len(PLAN.sizes))
PEEKING = LookPlan(tuple(range(30, 501, 10)), (ALPHA,) * 48)


@pytest.mark.parametrize("name", ["rare step", "three-valued", "narrow"])
def test_no_choice_of_the_look_makes_the_band_false_too_often(name):
    false = false_choices(GENERATORS[name], PLAN, band=SPREAD, repeats=REPEATS, seed=11)
    assert set(false) == set(RULES)
    assert max(false.values()) <= most_false_claims(REPEATS, ALPHA)


@pytest.mark.parametrize("name", ["label, rarely lost", "label, often lost"])
def test_no_choice_of_the_look_makes_a_label_certificate_false_too_often(name):
    false = false_choices(LABELS[name], PLAN, band=LABEL, repeats=REPEATS, seed=12)
    assert max(false.values()) <= most_false_claims(REPEATS, ALPHA)


@pytest.mark.parametrize("plan", [UNPAID, PEEKING], ids=["all of alpha at every look", "a look every ten samples"])
def test_looks_that_are_not_paid_for_are_caught(plan):
    repeats = REPEATS if plan is UNPAID else 500
    false = false_choices(LABELS["label, often lost"], plan, band=LABEL, repeats=repeats, seed=13)
    assert false["a_false_one"] > most_false_claims(repeats, ALPHA)
    assert false["best_bound"] > most_false_claims(repeats, ALPHA)


@pytest.mark.parametrize(("generator", "band"), [(NARROW, SPREAD), (LABELS["label, often lost"], LABEL)])
def test_the_first_to_finish_are_no_sample(generator, band):
    """Paid for or not: fast outputs differ from slow ones."""
    repeats = 300
    finished = false_choices(generator, PLAN, band=band, repeats=repeats, seed=14, take=first_to_finish)
    indexed = false_choices(generator, PLAN, band=band, repeats=repeats, seed=14, take=by_index)
    assert max(indexed.values()) <= most_false_claims(repeats, ALPHA)
    for rule in ("a_false_one", "any_look", "after_a_small_sample"):
        assert finished[rule] > most_false_claims(repeats, ALPHA)


# The whole way through `take_look`, on a label whose T2 is exact: Y = 1{u > 1.2}, P(R > 0) = 0.115, and up to r = 1.177
# the true W₁ is W_r(0.115). Distances are 0 or 1, so a look's result depends on their count alone and is computed once.

STEP = step_function([1.2], [0.0, 1.0], 0.0)
R = 1.0
TRUE_W1 = STEP.w1(R)
SETTING = {"bound": 1.0, "diameter": 1.0, "mechanism": Gaussian(1.0), "alpha": ALPHA, "band": LABEL}


def counts(repeats: int, seed: int) -> np.ndarray:
    """How many of the first n_j samples are exceedances, shape (repeats, looks)."""
    drawn = STEP.sample_distances(np.random.default_rng(seed), (repeats, PLAN.sizes[-1]))
    return np.cumsum(drawn, axis=1)[:, np.array(PLAN.sizes) - 1].astype(int)


def sample(size: int, count: int) -> np.ndarray:
    return (np.arange(size) < count).astype(np.float64)


def test_a_job_that_stops_when_proven_proves_a_falsehood_rarely():
    """The tolerance lies just below the truth, so that every certificate is false."""
    tolerance = TRUE_W1 * (1 - 1e-6)

    @cache
    def stop(size: int, count: int) -> Stop | None:
        return look_at(sample(size, count), **SETTING, plan=PLAN, tolerance=tolerance, epsilon=R).stop

    @cache
    def unpaid(size: int, count: int) -> bool:
        return isinstance(certify(sample(size, count), **SETTING, tolerance=tolerance, epsilon=R), Certificate)

    repeats = 20_000
    proven = broken = 0
    for row in counts(repeats, seed=15).tolist():
        taken = next(filter(None, map(stop, PLAN.sizes, row)))
        proven += taken is Stop.PROVEN
        broken += any(map(unpaid, PLAN.sizes, row))
    assert 0 < proven <= most_false_claims(repeats, ALPHA)
    assert broken > most_false_claims(repeats, ALPHA)


@pytest.mark.parametrize("radius_tolerance", [0.02, 0.1, 0.5])
def test_a_radius_that_has_settled_is_too_large_rarely(radius_tolerance):
    """The true radius is R: the tolerance is the true W₁ there."""

    @cache
    def settled(size: int, count: int) -> tuple[bool, bool]:
        asked = {**SETTING, "plan": PLAN, "tolerance": TRUE_W1, "radius_tolerance": radius_tolerance}
        result = look_at(sample(size, count), **asked)
        return result.stop is not None, result.outcome.radius > R

    repeats = 20_000
    false = 0
    for row in counts(repeats, seed=16).tolist():
        false += next(too_large for stopped, too_large in map(settled, PLAN.sizes, row) if stopped)
    assert false <= most_false_claims(repeats, ALPHA)
