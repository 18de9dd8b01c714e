"""The bound as a remembered function of epsilon, and the two searches for the radius."""

import numpy as np
import pytest

from smoothgen import Gaussian
from smoothgen.certificates.bounds.bands import NO_SAMPLES, ORDER_STATISTICS, SurvivalBand
from smoothgen.certificates.bounds.radius import LARGEST_RADIUS_IN_SIGMAS, BoundCurve, safe_radius, universal_radius
from smoothgen.certificates.bounds.rounding import round_up
from smoothgen.certificates.bounds.shift_bounds import ShiftBounds
from tests.support.certificates.examples import distances


def curve(diameter: float = 1.0, sigma: float = 0.5) -> BoundCurve:
    band = ORDER_STATISTICS.build(np.sort(distances()), 1.0, 1e-3)
    return BoundCurve(band, ShiftBounds(diameter, Gaussian(sigma)))


def without_samples(diameter: float = 1.0, sigma: float = 0.5) -> BoundCurve:
    band = NO_SAMPLES.build(np.empty(0), diameter, 1e-3)
    return BoundCurve(band, ShiftBounds(diameter, Gaussian(sigma)))


def test_a_value_does_not_depend_on_what_was_asked_before_or_with_it():
    epsilons = [0.3, 0.0, 0.1, 0.3, 1e-9, 40.0]
    together, one_by_one, twice = curve(), curve(), curve()
    values = together.at(epsilons)
    assert values == [one_by_one.at([e])[0] for e in epsilons]
    twice.at(epsilons[2:])
    assert twice.at(epsilons) == values == twice.at(epsilons)
    assert together.at([]) == []
    assert together.printed(epsilons) == [round_up(v) for v in values]


@pytest.mark.parametrize("tolerance", [1e-12, 1e-3, 0.1, 1 / 3, 0.9, 1 - 1e-9])
@pytest.mark.parametrize("sigma", [1e-3, 0.5, 7e5])
def test_both_searches_agree_where_t1_is_the_whole_bound(tolerance, sigma):
    """One inverts erf, the other bisects the printed bound: slow, and without the closed form."""
    exact = universal_radius(without_samples(sigma=sigma), tolerance)
    searched = safe_radius(without_samples(sigma=sigma), tolerance)
    assert without_samples(sigma=sigma).printed([exact])[0] <= tolerance
    # Near the diameter the ninth digit of the bound is worth more than that of the radius.
    assert exact == pytest.approx(searched, rel=3e-8 if tolerance < 0.99 else 1e-3)


def test_where_no_attack_can_reach_the_tolerance_the_radius_is_64_sigmas():
    """A generator that never leaves its centre: no attack moves it, and the search ends at its limit."""
    still = BoundCurve(SurvivalBand(np.array([0.0, 1.0]), np.array([0.0])), ShiftBounds(1.0, Gaussian(2.0)))
    assert safe_radius(still, 0.1) == pytest.approx(2.0 * LARGEST_RADIUS_IN_SIGMAS, rel=1e-6)
    assert safe_radius(still, 0.1) <= 2.0 * LARGEST_RADIUS_IN_SIGMAS


@pytest.mark.parametrize("tolerance", [5e-324, 1e-320, 1e-300])
def test_the_smallest_tolerances_are_kept_too(tolerance):
    for bounds, search in ((without_samples(), universal_radius), (curve(), safe_radius)):
        radius = search(bounds, tolerance)
        assert radius >= 0
        assert bounds.printed([radius])[0] <= tolerance
