"""What a look decides, against bounds worked out by hand, and how giving up and deadlines are worded."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from smoothgen import Abstention, Certificate, Gaussian, LookPlan, Reason, certify, certify_universal, verify
from smoothgen.certificates.stopping.decide import LookResult, Stop, at_deadline
from smoothgen.errors import (
    InvalidAlpha,
    InvalidDistances,
    InvalidEpsilon,
    InvalidMetric,
    InvalidTolerance,
    UnknownName,
)
from tests.support.certificates.examples import PLAN, distances, label
from tests.support.certificates.looking import futile, look_at
from tests.support.statistics.high_precision import worst_event_shift

ASKED = {"bound": 1.0, "diameter": 1.0, "mechanism": Gaussian(1.0), "plan": PLAN, "alpha": 1e-3, "tolerance": 0.1}


def look(values, n, **asked) -> LookResult:
    return look_at(values[:n], **{**ASKED, **asked})


def stops(values, **asked) -> list[Stop | None]:
    return [look(values, n, **asked).stop for n in PLAN.sizes]


def unseen(look: int) -> float:
    """The survival bound at rank 0, by hand: 1 − (0.3·α_j)^(1/n_j)."""
    return 1 - (0.3 * PLAN.alphas[look]) ** (1 / PLAN.sizes[look])


def bound_of_zeros(look: int, r: float) -> float:
    """T2 where every distance is 0: only the unseen is left, at distance 1."""
    return float(worst_event_shift(unseen(look), r))


@pytest.mark.parametrize("epsilon", [0.05, 0.3, 0.6, 0.8, 0.9])
def test_zeros_are_proven_at_the_look_whose_unseen_mass_is_small_enough(epsilon):
    by_hand = [bound_of_zeros(j, epsilon) <= 0.1 or math.erf(epsilon / math.sqrt(8)) <= 0.1 for j in range(5)]
    assert [stop is Stop.PROVEN for stop in stops(np.zeros(500), epsilon=epsilon)] == by_hand
    assert by_hand[-1]


def test_where_not_even_zeros_would_do_no_sample_is_drawn():
    limit = next(r for r in np.arange(0.9, 1.2, 2e-3) if bound_of_zeros(4, r) > 0.1)
    assert futile(**ASKED, epsilon=limit - 2e-3) is None
    abstention = futile(**ASKED, epsilon=limit)
    assert abstention.reason is Reason.RADIUS_OUT_OF_REACH
    assert "no certification sample was drawn" in abstention.detail
    assert repr(certify_universal(**without_samples()).radius) in abstention.detail
    assert "larger tolerance" in abstention.detail
    assert dict(abstention.curve)[limit] > 0.1
    assert look(np.zeros(500), 500, epsilon=limit).stop is Stop.SAMPLE_LIMIT


def without_samples():
    return {name: ASKED[name] for name in ("diameter", "mechanism", "alpha", "tolerance")}


def test_what_needs_no_samples_is_never_hopeless():
    universal = certify_universal(**without_samples())
    assert futile(**ASKED, epsilon=universal.radius) is None


def test_hope_may_lie_in_any_look():
    """A plan that spends next to nothing on its last look: the first can prove what the last cannot."""
    plan = LookPlan((400, 500), (0.9e-3, 1e-12))
    assert futile(**{**ASKED, "plan": plan}, epsilon=0.8) is None
    last_alone = LookPlan((500,), (1e-12,))
    assert futile(**{**ASKED, "plan": last_alone}, epsilon=0.8) is not None


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"bound": -1.0}, InvalidMetric),
        ({"alpha": 1e-4}, InvalidAlpha),
        ({"tolerance": 1.0}, InvalidTolerance),
        ({"epsilon": 0.0}, InvalidEpsilon),
        ({"band": "dkw"}, UnknownName),
    ],
)
def test_the_same_door_for_all(changes, error):
    asked = {**ASKED, "epsilon": 0.3, "band": "order-statistics/v1", **changes}
    with pytest.raises(error) as from_certify:
        certify(np.zeros(32), **asked)
    for decide in (lambda: futile(**asked), lambda: look_at(np.zeros(32), **asked)):
        with pytest.raises(type(from_certify.value)) as raised:
            decide()
        assert str(raised.value) == str(from_certify.value)


def test_a_number_of_samples_that_is_no_look_is_refused():
    with pytest.raises(InvalidDistances, match="no look"):
        look(np.zeros(500), 33)


@pytest.mark.parametrize("fraction", [0.0, -0.1, math.nan, math.inf])
def test_the_radius_tolerance_is_a_positive_fraction(fraction):
    with pytest.raises(InvalidTolerance, match="radius_tolerance") as error:
        look(np.zeros(500), 32, radius_tolerance=fraction)
    assert error.value.field == "radius_tolerance"


@pytest.mark.parametrize("n", PLAN.sizes)
def test_the_outcome_of_a_look_is_what_certify_says(n):
    values = distances(500)
    for asked in ({}, {"epsilon": 0.2}, {"radius_tolerance": 0.05}):
        plain = {name: value for name, value in asked.items() if name != "radius_tolerance"}
        outcome = look(values, n, **asked).outcome
        assert outcome == certify(values[:n], **ASKED, **plain)
        assert verify(outcome)


def test_without_a_rule_only_the_last_look_stops():
    assert stops(distances(500)) == [None, None, None, None, Stop.SAMPLE_LIMIT]


def test_asked_for_twice_the_radius_it_gives_up_at_the_first_look():
    values = distances(500)
    radius = look(values, 500).outcome.radius
    early = look(values, 32, epsilon=2 * radius)
    assert early.stop is Stop.OUT_OF_REACH
    assert early.outcome.reason is Reason.RADIUS_OUT_OF_REACH
    now = certify(values[:32], **ASKED)
    for said in (
        "given up at look 1 of 5",
        "after 32 of at most 500 samples",
        repr(2 * radius),
        repr(now.w1_bound(2 * radius)),
        repr(now.radius),
        "with 500 samples",
        "larger tolerance, a smaller epsilon, more samples or another sigma",
    ):
        assert said in early.outcome.detail
    assert dict(early.outcome.curve)[2 * radius] == now.w1_bound(2 * radius)


def test_what_is_certain_is_said_to_be_certain():
    at_first = look(np.ones(500), 32, epsilon=3.0)
    half = look(np.ones(500), 250, epsilon=0.3)
    assert at_first.stop is half.stop is Stop.OUT_OF_REACH
    assert "even if all samples to come were equal to the centre" in half.outcome.detail
    merely_unlikely = look(np.ones(500), 32, epsilon=0.3)
    assert merely_unlikely.stop is Stop.OUT_OF_REACH
    assert "best that can be hoped for" in merely_unlikely.outcome.detail


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([0.3, 0.5, 0.8]), st.floats(0, 1), st.floats(0, 1))
def test_what_is_called_certain_is(seed, epsilon, now, later):
    """Whatever comes after: if no continuation could prove it, none does."""
    rng = np.random.default_rng(seed)
    values = np.concatenate((now * rng.random(125), later * rng.random(375)))
    outcome = look(values, 125, epsilon=epsilon).outcome
    assume(isinstance(outcome, Abstention))
    assume("even if all" in outcome.detail)
    assert all(isinstance(look(values, n, epsilon=epsilon).outcome, Abstention) for n in (250, 500))


def test_a_proven_job_stops_with_its_certificate():
    result = look(distances(500), 63, epsilon=0.2)
    assert result.stop is Stop.PROVEN
    assert isinstance(result.outcome, Certificate)
    assert result.outcome.epsilon == 0.2
    # A radius tolerance beside it changes nothing.
    assert look(distances(500), 63, epsilon=0.2, radius_tolerance=0.05) == result


@pytest.mark.parametrize("fraction", [0.01, 0.05, 0.2, 1.0])
def test_settled_is_when_the_same_samples_again_would_add_no_more_than_that(fraction):
    """The slow way: certify the distances repeated, at every later look's share of alpha, and compare the radii."""
    values = distances(500)
    alone = {name: value for name, value in ASKED.items() if name != "plan"}
    for j, n in enumerate(PLAN.sizes[:-1]):
        result, gains_little = look(values, n, radius_tolerance=fraction), True
        for k in range(j + 1, len(PLAN.sizes)):
            again = np.sort(values[:n])[np.arange(PLAN.sizes[k]) * n // PLAN.sizes[k]]
            expected = certify(again, **{**alone, "alpha": PLAN.alphas[k]}).radius
            gains_little &= expected < result.outcome.radius * (1 + fraction) ** (k - j)
        assert (result.stop is Stop.SETTLED) == gains_little


def test_a_radius_at_the_end_of_the_search_is_settled():
    small = {"bound": 0.05, "diameter": 0.1, "tolerance": 0.0999}
    assert look(np.zeros(500), 250, **small, radius_tolerance=0.01).stop is Stop.SETTLED


def test_labels_stop_like_anything_else():
    values = np.zeros(500)
    values[::100] = 1.0
    assert Stop.PROVEN in stops(values, band="two-valued/v1", epsilon=0.3)
    values[::2] = 1.0
    assert look(values, 32, band="two-valued/v1", epsilon=0.6).stop is Stop.OUT_OF_REACH
    assert label().claims.stays is not None


def test_where_every_sample_failed_that_stays_the_reason():
    result = look(np.full(500, math.nan), 32, epsilon=0.5)
    assert result.stop is Stop.OUT_OF_REACH
    assert result.outcome == Abstention(Reason.TOO_FEW_SAMPLES, "all 32 samples failed")
    assert look(np.full(500, math.nan), 32, radius_tolerance=0.1).stop is None
    assert look(np.full(500, math.nan), 500, epsilon=0.5).stop is Stop.SAMPLE_LIMIT


def test_a_deadline_says_how_far_the_job_came():
    unfinished = look(distances(500), 63, epsilon=0.5).outcome
    assert unfinished.reason is Reason.RADIUS_OUT_OF_REACH
    late = at_deadline(unfinished)
    assert late.reason is Reason.DEADLINE == "deadline"
    assert late.curve == unfinished.curve
    for said in ("deadline came first", "63 samples", repr(dict(late.curve)[0.5]), "later deadline"):
        assert said in late.detail


def test_a_deadline_takes_no_certificate_and_no_other_reason_away():
    for outcome in (
        look(distances(500), 63).outcome,
        look(np.full(500, math.nan), 63).outcome,
        at_deadline(look(distances(500), 63, epsilon=0.5).outcome),
    ):
        assert at_deadline(outcome) == outcome
    assert at_deadline(certify_universal(**without_samples(), epsilon=0.5)).reason is Reason.DEADLINE


def test_one_look_is_a_plan_too():
    single = replace(PLAN, sizes=(200,), alphas=(1e-3,))
    values = distances(200)
    for asked, stop in (
        ({"epsilon": 0.1}, Stop.PROVEN),
        ({"epsilon": 2.0}, Stop.SAMPLE_LIMIT),
        ({}, Stop.SAMPLE_LIMIT),
    ):
        assert look_at(values, **{**ASKED, "plan": single}, **asked).stop is stop
