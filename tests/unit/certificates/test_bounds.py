"""The theorems as functions: corners and monotonicity. Oracles and precision: tests/statistics."""

import math
import warnings

import mpmath as mp
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from smoothgen.certificates import attacked_probability, total_variation, universal_w1_bound, worst_event_shift
from smoothgen.certificates.bounds.theorems import Probabilities, total_variation_radius

probabilities = st.floats(0, 1)
radii = st.floats(0, 50)


def shift(p: float, r: float) -> float:
    return float(worst_event_shift(p, r))


@given(probabilities, radii)
def test_the_worst_shift_lies_between_nothing_and_everything(p, r):
    assert 0 <= shift(p, r) <= 2 * total_variation(r) <= 2


@given(probabilities, probabilities, radii)
def test_it_rises_with_the_probability(p, q, r):
    assert shift(min(p, q), r) <= shift(max(p, q), r) * (1 + 1e-11) + 2e-14


@given(probabilities, radii, radii)
def test_it_rises_with_the_radius(p, r, s):
    assert shift(p, min(r, s)) <= shift(p, max(r, s)) * (1 + 1e-11) + 2e-14


@given(probabilities, probabilities, radii)
def test_it_is_concave(p, q, r):
    assume(p + q == 0 or (p + q) / 2 > 0)  # the mean of 0 and 5e-324 is no double: it would be another point
    assert shift((p + q) / 2, r) >= (shift(p, r) + shift(q, r)) / 2 * (1 - 1e-11) - 2e-14


@given(probabilities, radii)
def test_it_is_at_least_the_shift_of_the_upper_tail(p, r):
    """One event of probability p is the upper tail alone, which is what attacked_probability weighs."""
    assert shift(p, r) >= float(attacked_probability(p, r)) - p - 1e-12


@given(st.lists(probabilities, min_size=1, max_size=20), st.lists(radii, min_size=1, max_size=5))
def test_many_at_once_are_the_same_to_the_last_bit(p, r):
    """A band asks for all its levels at many r; the digits may not depend on the company."""
    levels = np.array(p)
    together = Probabilities(levels[None, :]).worst_shifts(np.array(r))
    assert together.tolist() == worst_event_shift(levels[None, :], np.array(r)[:, None]).tolist()
    assert together.tolist() == [[shift(q, s) for q in p] for s in r]


def test_corners_are_exact():
    for r in (0.0, 0.5, 100.0, math.inf):
        assert shift(0.0, r) == 0.0
    for p in (0.0, 0.5, 1.0):
        assert shift(p, 0.0) == 0.0
    assert total_variation(0.0) == universal_w1_bound(1.0, 0.0) == 0.0
    assert total_variation(100.0) == total_variation(math.inf) == 1.0
    assert attacked_probability([0.0, 1.0], 0.5).tolist() == [0.0, 1.0]
    assert attacked_probability([0.0, 0.5, 1.0], math.inf).tolist() == [0.0, 1.0, 1.0]


def test_no_argument_in_range_makes_a_warning_or_a_nan():
    p = np.array([0.0, 5e-324, 1e-300, 1e-16, 0.5, 1 - 2**-53, 1.0])
    r = np.array([0.0, 5e-324, 1e-300, 1e-8, 1.0, 64.0, 1e8, 1e300, math.inf])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        shifts = worst_event_shift(p[:, None], r[None, :])
        attacked = [attacked_probability(p, float(x)) for x in r]
    assert np.isfinite(shifts).all()
    assert np.isfinite(attacked).all()


@given(st.floats(1e-300, 0.999999))
def test_the_radius_of_a_total_variation_is_on_the_safe_side(distance):
    with mp.workdps(40):
        assert mp.erf(mp.mpf(total_variation_radius(distance)) / mp.sqrt(8)) <= distance


@pytest.mark.parametrize("diameter", [0.5, 3.0])
def test_the_universal_bound_is_the_diameter_times_the_total_variation(diameter):
    assert universal_w1_bound(diameter, 1.0) == pytest.approx(diameter * 0.3829249225, rel=1e-9)
