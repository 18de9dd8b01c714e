"""What is taken off computed distances, against rational arithmetic with every error at its worst."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from smoothgen.tokens.distances import UNIT, direct_error, direct_squared, least_squared_reach
from tests.support.brute_neighbours import exact_squared


@pytest.mark.parametrize("width", [1, 7, 576, 8192])
@pytest.mark.parametrize("share", [0.0, 1e-9, 0.3, 0.999])
def test_the_reach_is_a_bound_wherever_the_distance_lies_within_its_error(width: int, share: float) -> None:
    """reach ≤ ((D − u)/(2√D))², for the least true D that a computed one stands for; and not far below."""
    rng = np.random.default_rng(width)
    for true in np.exp(rng.uniform(-300 if share == 0 else -20, 300, size=300)):
        true_squared, absolute = Fraction(float(true)), share * float(true)
        computed = true * (1 + rng.choice([-1, 1]) * (width + 2) * UNIT)
        u = Fraction(width + 4, 2**53) * true_squared + Fraction(absolute)
        exact = (true_squared - u) ** 2 / (4 * true_squared)
        reach = Fraction(float(least_squared_reach(np.array([computed]), width, absolute)[0]))
        assert reach <= exact
        assert reach >= exact * (1 - Fraction(40 * (width + 8), 2**53) / Fraction(1 - share) ** 2)


def test_rows_that_cannot_be_told_apart_have_no_reach() -> None:
    assert list(least_squared_reach(np.array([0.0, 1e-12, 1.0]), 3, 1e-9))[:2] == [0.0, 0.0]
    assert list(least_squared_reach(np.array([0.0]), 3)) == [0.0]


@pytest.mark.parametrize("width", [1, 5, 576])
def test_the_error_of_direct_differences_is_within_its_bound(width: int) -> None:
    rng = np.random.default_rng(width)
    rows = (rng.normal(size=(50, width)) * 10.0 ** rng.uniform(-15, 15, size=(50, width))).astype(np.float32)
    points = rows[::-1].astype(float) * (1 + 1e-8 * rng.normal(size=(50, 1)))
    for k, point in enumerate(points):
        computed = Fraction(float(direct_squared(rows, np.array([k]), point)[0]))
        true = exact_squared(rows[k].astype(float), point)
        assert abs(computed - true) <= Fraction(direct_error(width)) * true


def test_the_smallest_difference_that_float32_holds_has_a_reach() -> None:
    rows = np.array([[0.0], [2.0**-149]], dtype=np.float32)
    squared = direct_squared(rows, np.array([1]), np.zeros(1))
    assert math.sqrt(least_squared_reach(squared, 1)[0]) == pytest.approx(2.0**-150, rel=1e-12)
