"""The band as a step function: shape, corners, and who gets which share of alpha. Its validity: tests/statistics."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smoothgen.certificates import attacked_probability
from smoothgen.certificates.bounds.bands import BANDS, ORDER_STATISTICS, TWO_VALUED, band_by_name
from smoothgen.errors import InvalidAlpha, InvalidDistances, UnknownName

samples = st.lists(st.floats(0, 1), min_size=1, max_size=60).map(lambda values: np.sort(np.array(values)))
alphas = st.floats(1e-12, 0.999)


@given(samples, alphas)
def test_levels_are_probabilities_that_fall_and_edges_rise_from_0_to_the_bound(ordered, alpha):
    band = ORDER_STATISTICS.build(ordered, 1.0, alpha)
    assert len(band.edges) == len(band.levels) + 1
    assert (band.edges[0], band.edges[-1]) == (0.0, 1.0)
    assert (np.diff(band.edges) >= 0).all()
    assert (np.diff(band.levels) <= 0).all()
    assert band.levels[0] == 1.0
    assert band.levels[-1] > 0


@given(samples, alphas)
def test_the_band_lies_above_the_empirical_survival(ordered, alpha):
    """Rank m's level is a Beta(m+1, n−m) quantile; for alpha ≤ 1/2 at least its median, which exceeds m/n."""
    if alpha > 0.5:
        return
    band = ORDER_STATISTICS.build(ordered, 1.0, alpha)
    for t in (*ordered, 0.0, 0.5, 0.999):
        if t < 1:
            assert band.survival_upper_bound(t) >= np.mean(ordered > t)


@pytest.mark.parametrize("n", [1, 2, 3, 50, 500, 100_000])
@pytest.mark.parametrize("alpha", [1e-12, 1e-3, 0.05, 0.9])
def test_the_shares_of_alpha_sum_to_alpha(n, alpha):
    split = ORDER_STATISTICS.split(n, alpha)
    others = split["grid_ranks"] - 1
    assert split["rank_0"] + others * (split["each_other_rank"] if others else 0) == pytest.approx(alpha, rel=1e-12)
    assert dict(TWO_VALUED.split(n, alpha)) == {"exceedance": alpha}


def test_one_sample_pays_all_of_alpha_for_rank_0():
    band = ORDER_STATISTICS.build(np.array([0.25]), 1.0, 0.05)
    assert band.edges.tolist() == [0.0, 0.25, 1.0]
    assert band.levels[0] == 1.0
    assert band.levels[1] == pytest.approx(0.95)


def test_all_zero_distances_leave_only_the_price_of_the_unseen():
    band = ORDER_STATISTICS.build(np.zeros(500), 2.0, 1e-3)
    assert band.survival_upper_bound(0.0) == band.levels[-1] == pytest.approx(1 - (0.3e-3) ** (1 / 500))


def test_survival_is_right_continuous_and_ends_at_the_bound():
    band = ORDER_STATISTICS.build(np.array([0.25, 0.5, 0.5, 0.75]), 1.0, 0.05)
    assert band.survival_upper_bound(0.1) == 1.0
    assert band.survival_upper_bound(-1.0) == 1.0
    assert band.survival_upper_bound(0.75) == band.survival_upper_bound(0.99)
    assert band.survival_upper_bound(1.0) == band.survival_upper_bound(math.inf) == 0.0
    with pytest.raises(InvalidDistances, match="nan"):
        band.survival_upper_bound(math.nan)


def test_the_attacked_quantile_is_an_order_statistic_or_the_bound():
    ordered = np.sort(np.random.default_rng(0).random(500)) * 0.5
    band = ORDER_STATISTICS.build(ordered, 1.0, 1e-3)
    quantiles = band.quantiles((0.9, 0.5, 0.2), attacked_probability(band.levels, 0.5))
    assert quantiles == sorted(quantiles)
    assert all(np.isclose(ordered, q, rtol=1e-8).any() for q in quantiles)
    assert band.quantiles((1e-6,), attacked_probability(band.levels, 0.5)) == [1.0]
    assert band.quantiles((0.5,), attacked_probability(band.levels, 60.0)) == [1.0]


def test_two_values_make_one_clopper_pearson_bound():
    # Five exceedances in 100: the textbook one-sided 95 % limit is 0.1022.
    ordered = np.array([0.0] * 95 + [1.0] * 5)
    band = TWO_VALUED.build(ordered, 1.0, 0.05)
    assert band.edges.tolist() == [0.0, 1.0]
    assert band.levels[0] == pytest.approx(0.10225, abs=5e-5)
    assert TWO_VALUED.build(np.ones(3), 1.0, 0.05).levels[0] == 1.0
    assert TWO_VALUED.build(np.zeros(3), 1.0, 0.05).levels[0] == pytest.approx(1 - 0.05 ** (1 / 3))


def test_a_third_value_is_refused_and_named():
    with pytest.raises(InvalidDistances, match=r"0\.5.*order-statistics"):
        TWO_VALUED.build(np.array([0.0, 0.5, 1.0]), 1.0, 0.05)


def test_unknown_bands_list_the_known_ones():
    assert all(band_by_name(name) is band for name, band in BANDS.items())
    with pytest.raises(UnknownName, match="order-statistics/v1, two-valued/v1"):
        band_by_name("dkw")


@pytest.mark.parametrize("alpha", [0.0, -0.1, 1.0, 1e-13, math.nan])
def test_an_alpha_out_of_range_is_refused_and_named(alpha):
    with pytest.raises(InvalidAlpha, match=repr(alpha)):
        ORDER_STATISTICS.build(np.array([0.5]), 1.0, alpha)
    with pytest.raises(InvalidAlpha, match=repr(alpha)):
        ORDER_STATISTICS.split(10, alpha)


def test_the_integral_of_a_row_does_not_depend_on_its_neighbours():
    band = ORDER_STATISTICS.build(np.sort(np.random.default_rng(1).random(500)), 1.0, 1e-3)
    r = np.linspace(0, 5, 101)
    together = band.integral_of_worst_shift(r)
    assert together.tolist() == [float(band.integral_of_worst_shift(np.array([x]))[0]) for x in r]
