"""A failure lies at the diameter from every output, also where the centre lies nearer to all of them."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from scipy.special import ndtr

from smoothgen import Certificate, Gaussian, certify
from smoothgen.certificates.bounds.bands import ORDER_STATISTICS
from smoothgen.certificates.bounds.radius import BoundCurve, safe_radius
from smoothgen.certificates.bounds.shift_bounds import SPREAD_V1, ShiftBounds
from tests.support.statistics.validity import most_false_claims

REPEATS, TOLERANCE = 100_000, 0.1
"""y = ½ up to a threshold of the noise, a failure beyond: D = 1, D_c = ½."""


@cache
def radius(failures: int, n: int, alpha: float) -> float:
    """What `certify` states for so many failures among n samples, the others at the centre."""
    drawn = np.where(np.arange(n) < failures, np.nan, 0.0)
    certificate = certify(drawn, bound=0.5, diameter=1.0, mechanism=Gaussian(1.0), alpha=alpha, tolerance=TOLERANCE)
    assert isinstance(certificate, Certificate)
    return certificate.radius


@cache
def radius_at_the_bound(failures: int, n: int, alpha: float) -> float:
    """WRONG: the radius of spread/v1, which charges a failure the distance D_c of the furthest whole output."""
    ordered = np.where(np.arange(n) < n - failures, 0.0, 0.5)
    band = ORDER_STATISTICS.build(ordered, 0.5, alpha)
    return safe_radius(BoundCurve(band, ShiftBounds(1.0, Gaussian(1.0), SPREAD_V1)), TOLERANCE)


def false_claims(claimed, threshold: float, n: int, alpha: float) -> int:
    """In how many jobs the failures, at D from every output, move the law by more than is stated."""
    counts = np.random.default_rng(1).binomial(n, ndtr(-threshold), REPEATS)
    false = 0
    for failures, jobs in zip(*np.unique(counts, return_counts=True), strict=True):
        r = claimed(int(failures), n, alpha)
        false += int(jobs) * (ndtr(r - threshold) - ndtr(-threshold) > TOLERANCE)
    return false


@pytest.mark.parametrize("alpha", [0.05, 0.001])
@pytest.mark.parametrize(("threshold", "n"), [(1.3, 500), (1.6, 500), (2.0, 500), (2.0, 5000)])
def test_failures_are_charged_where_they_lie(threshold: float, n: int, alpha: float) -> None:
    assert false_claims(radius, threshold, n, alpha) <= most_false_claims(REPEATS, alpha)


def test_the_harness_notices_a_failure_charged_at_the_bound() -> None:
    assert false_claims(radius_at_the_bound, 1.3, 500, 0.001) > 0.99 * REPEATS


def test_where_every_output_may_lie_at_the_diameter_nothing_changes() -> None:
    asked = {"diameter": 1.0, "mechanism": Gaussian(1.0), "alpha": 0.01, "tolerance": TOLERANCE}
    failed, far = ([*np.full(5, x), *np.zeros(495)] for x in (np.nan, 1.0))
    assert certify(failed, bound=1.0, **asked).radius == certify(far, bound=1.0, **asked).radius
    # A centre that is nearer to every whole output does not bring a failure nearer.
    assert certify(failed, bound=0.6, **asked).radius == certify(far, bound=1.0, **asked).radius
