"""What follows from runs in order of cost: known values, edges, rounding, and what is refused."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from smoothgen import Abstention, Reason, certified_cost, certify_exhaustive
from smoothgen.certificates import Provenance, Threat
from smoothgen.certificates.exhaustive import BreakingRun, Keeps
from smoothgen.errors import (
    InvalidCertificate,
    InvalidDistances,
    InvalidEpsilon,
    InvalidMetric,
    InvalidTolerance,
)
from tests.support.certificates import exhaustive
from tests.support.certificates.exhaustive import COSTS, DISTANCES, certified


def just_below(value: float) -> float:
    return math.nextafter(value, 0.0)


def test_known_values():
    made = exhaustive.bare()
    assert made.radius == 0.878432109  # the cost 0.8784321098765432, nine digits, downwards
    assert made.claims.w1_bound == 0.05
    assert made.curve == ((0.0, 0.0), (0.71, 0.05), (0.878432109, 0.300000001), (0.93, 1.0))
    assert made.keeps == (Keeps(1.0, 0.71),)
    assert made.claims.broken_by == BreakingRun(3, COSTS[3], DISTANCES[3])
    assert (made.alpha, made.confidence, made.evidence.runs, made.evidence.failed) == (0.0, 1.0, 6, 1)
    assert made.radius_at(0.04) == 0.71
    assert made.radius_at(0.5) == 0.93


@pytest.mark.parametrize(
    ("epsilon", "bound"),
    [
        (0.0, 0.0),
        (just_below(0.71), 0.0),
        (0.71, 0.05),
        (just_below(COSTS[3]), 0.05),
        (COSTS[3], 0.300000001),
        (just_below(0.93), 0.300000001),
        (0.93, 1.0),
        (0.95, 1.0),
        (1e30, 1.0),
    ],
)
def test_a_sequence_at_a_cost_counts_as_reached_at_that_norm(epsilon, bound):
    assert exhaustive.bare().w1_bound(epsilon) == bound


def test_from_the_first_sequence_not_run_the_bound_is_the_diameter():
    made = exhaustive.unrun()
    assert made.radius == 0.8
    assert made.claims.broken_by is None
    assert made.w1_bound(just_below(0.8)) == 0.05
    assert made.w1_bound(0.8) == 1.0
    assert made.curve == ((0.0, 0.0), (0.71, 0.05), (0.8, 1.0))


def test_a_set_run_whole_has_no_limit():
    made = exhaustive.whole()
    assert made.radius == math.inf
    assert made.claims.w1_bound == made.w1_bound(1e300) == 0.05
    assert made.keeps == (Keeps(1.0, 0.71),)
    assert made.curve == ((0.0, 0.0), (0.71, 0.05))


@pytest.mark.parametrize("failed", [math.nan, math.inf])
def test_a_failed_run_lies_at_the_diameter_and_breaks_every_claim(failed):
    made = certified(COSTS[:3], [0.0, failed, 0.0], tolerance=0.999)
    assert made.radius == made.keeps[0].radius == 0.571067811
    assert made.claims.broken_by == BreakingRun(1, COSTS[1], None)
    assert made.w1_bound(COSTS[1]) == 1.0
    assert made.evidence.failed == 1


def test_the_prompt_alone_is_kept_below_the_first_sequence_not_run():
    made = exhaustive.plain()
    assert (made.radius, made.claims.w1_bound, made.keeps[0].radius) == (0.5, 0.0, 0.5)


def test_what_the_snap_cannot_tell_apart_leaves_nothing_to_claim():
    made = exhaustive.nothing()
    assert (made.radius, made.claims.w1_bound, made.keeps[0].radius) == (0.0, 0.5, 0.0)
    assert made.w1_bound(0.0) == 0.5


def test_of_runs_at_one_cost_the_breaking_one_counts_wherever_it_stands():
    for distances in ([0.0, 0.05, 0.5], [0.0, 0.5, 0.05]):
        made = certified([0.0, 0.7, 0.7], distances)
        assert (made.radius, made.claims.w1_bound, made.w1_bound(0.7)) == (0.7, 0.0, 0.5)


def test_the_radius_ends_where_the_bound_as_it_is_printed_is_above_the_tolerance():
    just_above_a_third = math.nextafter(1 / 3, 1)
    assert certified([0.0, 0.5], [0.0, just_above_a_third], tolerance=1 / 3).radius == 0.5
    assert certified([0.0, 0.5], [0.0, 0.1], tolerance=0.1, next_cost=0.75).radius == 0.75


def test_a_distance_of_single_precision_may_round_beyond_the_diameter():
    diameter = 1.1
    above = float(np.nextafter(np.float32(diameter), np.float32(2)))
    assert certified([0.0, 0.5], [0.0, above], diameter=diameter).w1_bound(0.5) == diameter


@given(bound=st.floats(0, 2), digits=st.integers(1, 12), step=st.sampled_from([-1, 0, 1]))
def test_a_bound_is_within_a_tolerance_exactly_if_it_is_as_printed(bound, digits, step):
    tolerance = math.nextafter(float(f"{bound:.{digits}g}"), step * math.inf if step else bound)
    assume(0 < tolerance < 2)
    made = certified([0.0, 0.5], [0.0, bound], diameter=2.0, tolerance=tolerance)
    assert (made.radius == 0.5) == (made.w1_bound(0.5) > tolerance)


runs = st.lists(st.tuples(st.floats(0, 2), st.floats(0, 1) | st.just(math.nan)), max_size=12)


@settings(max_examples=300, deadline=None)
@given(runs=runs, end=st.none() | st.floats(0, 3), tolerance=st.floats(0.01, 0.99))
def test_every_number_is_on_the_safe_side_of_the_definition(runs, end, tolerance):
    costs = [0.0, *sorted(cost for cost, _ in runs)]
    distances = [0.0, *(distance for _, distance in runs)]
    end = None if end is None else max(end, costs[-1])
    made = certified(costs, distances, tolerance=tolerance, next_cost=end)

    def truth(epsilon):
        reached = [1.0 if math.isnan(d) else d for c, d in zip(costs, distances, strict=True) if c <= epsilon]
        return max([*reached, *([1.0] if end is not None and end <= epsilon else [])])

    for epsilon in {0.0, 3.0, *costs, *map(just_below, costs), *([] if end is None else [end, just_below(end)])}:
        true = truth(epsilon)
        assert true <= made.w1_bound(epsilon) <= true * (1 + 1e-8) + 1e-300
        assert made.w1_bound(epsilon) <= max(bound for e, bound in made.curve if e <= epsilon)
        if epsilon < made.radius:
            assert made.w1_bound(epsilon) <= made.claims.w1_bound <= tolerance
        if epsilon < made.keeps[0].radius:
            assert made.w1_bound(epsilon) == 0
    breaking = [c for c, d in zip(costs, distances, strict=True) if math.isnan(d) or d > tolerance * (1 - 1e-8)]
    cost = min([*breaking, *([] if end is None else [end])], default=math.inf)
    assert made.radius >= (cost if math.isinf(cost) else cost * (1 - 1e-8))


def test_an_asked_norm_is_certified_or_abstained_from_at_equality():
    assert certified(epsilon=0.75).claims.w1_bound == 0.05
    refused = certify_exhaustive(
        COSTS, DISTANCES, diameter=1.0, tolerance=0.1, next_cost=0.95, epsilon=COSTS[3], texts=exhaustive.TEXTS
    )
    assert isinstance(refused, Abstention)
    assert refused.reason is Reason.RADIUS_OUT_OF_REACH
    assert "strictly less than 0.878432109" in refused.detail


@pytest.mark.parametrize("failed", [math.nan, math.inf])
def test_without_the_prompts_own_output_there_is_an_abstention(failed):
    refused = certify_exhaustive([0.0, 0.5], [failed, 0.0], diameter=1.0, tolerance=0.1, next_cost=0.6)
    assert isinstance(refused, Abstention)
    assert refused.reason is Reason.TOO_FEW_SAMPLES


def test_the_text_and_output_are_those_of_the_run_that_breaks_the_claim():
    made = certified(texts=exhaustive.TEXTS, outputs=exhaustive.OUTPUTS)
    assert (made.text, made.output) == ("capital of Germany", "It's Berlin")
    assert exhaustive.failing().text == "Capital of France"
    assert exhaustive.failing().output is None
    unbroken = certified(COSTS[:3], DISTANCES[:3], texts=exhaustive.TEXTS[:3], outputs=exhaustive.OUTPUTS[:3])
    assert (unbroken.text, unbroken.output) == (None, None)


@pytest.mark.parametrize(
    ("changes", "error", "says"),
    [
        ({"costs": []}, InvalidDistances, "not empty"),
        ({"costs": [0.0, 0.5], "distances": [0.0]}, InvalidDistances, "one length"),
        ({"costs": [[0.0]], "distances": [[0.0]]}, InvalidDistances, "two lists"),
        ({"costs": [0.0, "near"]}, InvalidDistances, "costs must be an array of numbers"),
        ({"distances": [0.0, [0.0]]}, InvalidDistances, "distances must be an array of numbers"),
        ({"distances": 0.0}, InvalidDistances, "two lists"),
        ({"costs": [0.1, 0.5]}, InvalidDistances, "the first 0"),
        ({"costs": [0.0, math.nan]}, InvalidDistances, "finite"),
        ({"costs": [0.0, math.inf]}, InvalidDistances, "finite"),
        ({"costs": [0.0, -0.5]}, InvalidDistances, "run 1 costs -0.5"),
        (
            {"costs": [0.0, 0.6, 0.5], "distances": [0.0, 0.0, 0.0]},
            InvalidDistances,
            "run 2 costs 0.5, after 0.6; sort",
        ),
        ({"distances": [0.1, 0.0]}, InvalidDistances, "the first distance must be 0"),
        ({"distances": [0.0, -0.1]}, InvalidDistances, "at least 0, got -0.1"),
        ({"distances": [0.0, -math.inf]}, InvalidDistances, "at least 0"),
        ({"distances": [0.0, 1.5]}, InvalidDistances, "1.5 exceeds diameter=1.0"),
        ({"next_cost": 0.4}, InvalidDistances, "at least the last cost 0.5"),
        ({"next_cost": math.nan}, InvalidDistances, "next_cost"),
        ({"next_cost": math.inf}, InvalidDistances, "say None only where every sequence"),
        ({"diameter": 0.0}, InvalidMetric, "diameter"),
        ({"diameter": math.nan}, InvalidMetric, "diameter"),
        ({"tolerance": 1.0}, InvalidTolerance, "diameter 1.0"),
        ({"tolerance": 0.0}, InvalidTolerance, "got 0.0"),
        ({"tolerance": math.nan}, InvalidTolerance, "nan"),
        ({"epsilon": 0.0}, InvalidEpsilon, "epsilon"),
        ({"epsilon": math.inf}, InvalidEpsilon, "epsilon"),
        ({"texts": ["one"]}, InvalidDistances, "texts must have one for each of 2 runs, got 1"),
        ({"outputs": []}, InvalidDistances, "outputs"),
        (
            {"provenance": Provenance(threat=Threat("token embeddings of the prompt", 2, 1.0, 1.0, ()))},
            InvalidCertificate,
            "say what is attacked by threat=",
        ),
    ],
)
def test_what_is_no_evidence_is_refused(changes, error, says):
    asked = {"costs": [0.0, 0.5], "distances": [0.0, 0.0], "diameter": 1.0, "tolerance": 0.1, "next_cost": 0.6}
    asked |= changes
    with pytest.raises(error) as refused:
        certify_exhaustive(asked.pop("costs"), asked.pop("distances"), **asked)
    assert says in str(refused.value)


@pytest.mark.parametrize("epsilon", [-0.1, math.nan, math.inf])
def test_a_bound_is_of_a_norm(epsilon):
    with pytest.raises(InvalidEpsilon):
        exhaustive.bare().w1_bound(epsilon)


def exact_square(rows, u):
    """The square of the cost where each norm is rational: rows (n,) of norms."""
    halves = [max(Fraction(0), (Fraction(n) ** 2 - Fraction(u)) / (2 * Fraction(n))) for n in rows]
    return sum(h * h for h in halves)


@settings(max_examples=500, deadline=None)
@given(
    norms=st.lists(st.floats(1e-140, 1e12), min_size=1, max_size=4),
    share=st.sampled_from([0.0, 1e-12, 0.5, 1 - 1e-9, 1 - 2**-53, 1.0, 2.0]),
)
def test_a_cost_is_rounded_down_and_little(norms, share):
    u = share * norms[0] ** 2
    cost, exact = certified_cost([[n] for n in norms], u), exact_square(norms, u)
    assert Fraction(cost) ** 2 <= exact
    if share <= 0.5:
        assert Fraction(cost) ** 2 >= exact * (1 - Fraction(2) ** -38)


def test_costs_of_known_differences():
    assert certified_cost([[3.0, 4.0]]) == pytest.approx(2.5, rel=1e-12)
    assert certified_cost([[3.0, 4.0], [0.0, 12.0]]) == pytest.approx(6.5, rel=1e-12)
    assert certified_cost([[3.0, 4.0]], u=5.0) == pytest.approx(2.0, rel=1e-12)
    assert certified_cost([[3.0, 4.0], [0.1, 0.1]], u=5.0) == pytest.approx(2.0, rel=1e-12)
    for nothing in ([], np.empty((0, 7)), [[0.0, 0.0]], np.zeros((3, 2))):
        assert certified_cost(nothing) == 0
    assert certified_cost([[1.0]], u=1.0) == 0
    assert certified_cost([[5e-324]]) == 0
    assert 0 < certified_cost([[1e-300, 1e-300]]) < 1e-300


@pytest.mark.parametrize("differences", [[1.0, 2.0], [[[1.0]]], [[math.nan]], [[math.inf]], [[1.5e308, 1.5e308]]])
def test_what_is_no_difference_has_no_cost(differences):
    with pytest.raises(InvalidDistances, match="differences must be numbers"):
        certified_cost(differences)


@pytest.mark.parametrize("u", [-1e-9, math.nan, math.inf])
def test_an_error_of_the_snap_is_at_least_nothing(u):
    with pytest.raises(InvalidDistances, match="u must be"):
        certified_cost([[1.0]], u)
