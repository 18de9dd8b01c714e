"""Shares, averages and slopes of a report, against counting and against a search over every point between."""

import numpy as np
import pytest

from smoothgen import Gaussian, certify
from smoothgen.errors import InvalidDistances, InvalidParameters
from smoothgen.evaluation.curves import Radii, least_slope


def test_shares_count_abstentions_as_failures():
    radii = Radii((0.2, None, 0.5, 0.2, 0.0))
    assert (radii.abstained, radii.average) == (1, pytest.approx(0.18))
    assert radii.share_at([1e-9, 0.2, 0.2000001, 0.5, 0.6]).tolist() == pytest.approx([0.6, 0.6, 0.2, 0.2, 0.0])
    assert np.array(radii.curve()) == pytest.approx(np.array([[0.2, 0.6], [0.5, 0.2]]))


def test_shares_agree_with_counting():
    rng = np.random.default_rng(0)
    values = tuple(None if lost else round(r, 1) for lost, r in zip(rng.random(50) < 0.2, rng.random(50), strict=True))
    for epsilon in (0.05, 0.1, 0.3, 0.95, 2.0):
        counted = sum(r is not None and r >= epsilon for r in values) / 50
        assert Radii(values).share_at(epsilon) == pytest.approx(counted)


@pytest.mark.parametrize("values", [(), (-0.1,), (float("nan"),), (float("inf"),)])
def test_radii_that_are_none_are_refused(values):
    with pytest.raises(InvalidDistances):
        Radii(values)


def test_the_slope_holds_between_the_points_and_no_smaller_one_is_proven():
    """Against the worst bound that increases through the points: it jumps just above each of them."""
    rng = np.random.default_rng(1)
    for _ in range(50):
        epsilons, bounds = np.cumsum(rng.random(8) + 0.01), np.cumsum(rng.random(8))
        line = least_slope([(0.0, 0.0), *zip(epsilons.tolist(), bounds.tolist(), strict=True)])
        assert line.offset == bounds[0]
        just_above = epsilons[:-1] * line.slope + line.offset
        assert (bounds[1:] <= just_above).all()
        assert (bounds[1:] > just_above - 1e-6 * line.slope * epsilons[:-1]).any()


def test_the_slope_of_a_certificate_bounds_its_curve_everywhere():
    made = certify(
        np.random.default_rng(2).random(300) / 5,
        bound=1.0,
        diameter=1.0,
        mechanism=Gaussian(0.5),
        alpha=0.01,
        tolerance=0.1,
    )
    line = least_slope(made.curve)
    for epsilon in np.linspace(0, line.end, 301):
        assert made.w1_bound(epsilon) <= line.slope * epsilon + line.offset + 1e-12
    dense = least_slope([(e, made.w1_bound(e)) for e in np.linspace(0, line.end, 400)], offset=line.offset)
    assert dense.slope < line.slope
    assert least_slope(made.curve, offset=1.0).slope == 0
    # A slope through the points alone, which jumps between them may break, is smaller.
    assert max((b - line.offset) / e for e, b in made.curve if e > 0) < line.slope


def test_slopes_that_nothing_proves_are_refused():
    with pytest.raises(InvalidParameters, match="offset must be at least the bound at the smallest epsilon"):
        least_slope([(0.1, 0.2), (0.2, 0.3)], offset=0.1)
    for curve in (
        [],
        [(0.0, 0.0), (0.1, 0.2)],
        [(0.1, 0.3), (0.2, 0.2)],
        [(0.2, 0.1), (0.1, 0.2)],
        [(0.1, float("nan"))] * 2,
    ):
        with pytest.raises(InvalidDistances):
            least_slope(curve)
