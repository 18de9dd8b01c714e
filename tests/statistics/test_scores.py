"""Claims on scores: closed forms, a slower method, tightness."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy.special import ndtr, ndtri
from scipy.stats import binom, norm

from smoothgen import Gaussian
from smoothgen.certificates.bounds.bands import SurvivalBand, grid_ranks
from smoothgen.certificates.bounds.shift_bounds import ShiftBounds
from smoothgen.certificates.score_claims import (
    AskedClaim,
    ScoreCurve,
    ScoreIdentity,
    claim_curve,
    claim_share,
    score_radius,
)

BOUNDS = ShiftBounds(1.0, Gaussian(1.0))
UNIT = ScoreIdentity("length", 0.0, 1.0)
FOUND = ScoreIdentity("pattern", 0.0, 1.0, two_valued=True)
SIGNED = ScoreIdentity("similarity", -1.0, 1.0)
Values = np.ndarray


def curve(claim: AskedClaim, values: Values, alpha: float = 1e-3, bounds: ShiftBounds = BOUNDS) -> ScoreCurve:
    return claim_curve(claim, claim.evidence(values), bounds, alpha=alpha)


# Closed forms.


def test_a_constant_score_is_one_equation():
    """E[h] ≤ c + (1 − c)·Φ(Φ⁻¹(p₀) + r), p₀ = 1 − (0.3·α)^{1/n}: nothing above c was seen."""
    claim, unseen = AskedClaim(UNIT, at_most=0.1), -math.expm1(math.log(0.3e-3) / 500)
    found = curve(claim, np.full(500, 0.01))
    for r in (0.0, 0.3, 1.0, 3.0):
        exact = 0.01 + 0.99 * ndtr(ndtri(unseen) + r)
        assert exact <= found.full(r) <= exact * (1 + 1e-7)
    assert score_radius(found) == pytest.approx(ndtri(0.09 / 0.99) - ndtri(unseen), rel=1e-6)
    assert score_radius(found) == pytest.approx(0.807, abs=5e-4)  # the table of the page


@pytest.mark.parametrize(("times", "radius"), [(0, 0.9236), (12, 0.3326)])
def test_a_pattern_found_so_often_has_the_radius_of_the_page(times, radius):
    values = np.repeat([1.0, 0.0], [times, 500 - times])
    found = score_radius(curve(AskedClaim(FOUND, of="share", at_most=0.1), values))
    assert found == pytest.approx(radius, abs=1e-4)
    kept = score_radius(curve(AskedClaim(FOUND, of="share", at_least=0.9), 1 - values))
    assert kept == pytest.approx(found, rel=1e-8)  # the other side of the same event


def test_beta_scores_have_the_radii_of_the_page():
    rng = np.random.default_rng(0)
    for a, b, expected in ((1.0, 49.0, 0.61), (2.0, 38.0, 0.28)):
        claim = AskedClaim(UNIT, at_most=0.1)
        radii = [score_radius(curve(claim, rng.beta(a, b, 500))) or 0.0 for _ in range(200)]
        assert np.median(radii) == pytest.approx(expected, abs=0.02)


def test_the_split_costs_what_the_page_says():
    claim = AskedClaim(UNIT, at_most=0.1)
    assert score_radius(curve(claim, np.full(500, 0.01), claim_share(1e-3, 3))) == pytest.approx(0.744, abs=5e-4)


# A slower, independent method.


def level(above: int, n: int, alpha: float) -> float:
    """The largest p with P(Binomial(n, p) ≤ above) > alpha, by bisection on the distribution function."""
    low, high = above / n, 1.0
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if binom.cdf(above, n, middle) > alpha else (low, middle)
    return high


def slow_mean(series: Values, width: float, r: float, alpha: float, slack: float) -> float:
    """The bound on E_Q[g] summed over the distinct values of g, from the binomial and the normal distribution alone."""
    ordered, n = np.sort(series), len(series)
    ranks = grid_ranks(n, alpha).tolist()
    alphas = [0.3 * alpha, *[0.7 * alpha / (len(ranks) - 1)] * (len(ranks) - 1)]
    levels = [level(m, n, a) for m, a in zip(ranks, alphas, strict=True)]
    ends = [0.0, *sorted({float(x) for x in ordered if 0 < x < width}), width]
    total = []
    for start, end in pairwise(ends):
        proven = [p for m, p in zip(ranks, levels, strict=True) if ordered[n - 1 - m] <= start]
        p = min([1.0, *proven]) + slack
        total.append((end - start) * min(1.0, norm.cdf(norm.ppf(min(1.0, p)) + r) + slack))
    return math.fsum(total)


@pytest.mark.parametrize("slack", [0.0, 1e-4])
@pytest.mark.parametrize("n", [40, 300])
def test_a_slower_method_gives_the_same_mean(n, slack):
    rng, bounds = np.random.default_rng(n), ShiftBounds(1.0, Gaussian(1.0), rounding_slack=slack)
    h = np.concatenate([rng.beta(1, 9, n - 3), [0.0, 1.0, 0.7]])
    for claim, start, sign in (
        (AskedClaim(UNIT, at_most=0.9), 0.0, 1.0),
        (AskedClaim(UNIT, at_least=0.1), 1.0, -1.0),
        (AskedClaim(SIGNED, at_most=0.9), -1.0, 1.0),
    ):
        found = curve(claim, h, 0.01, bounds)
        for r in (0.0, 0.4, 1.5):
            slow = slow_mean(claim.evidence(h).ordered(claim.width), claim.width, r, 0.01, slack)
            assert sign * (found.full(r) - start) >= slow * (1 - 1e-9)
            assert found.full(r) == pytest.approx(start + sign * slow, abs=1e-6)


@pytest.mark.parametrize("slack", [0.0, 1e-4])
def test_a_slower_method_gives_the_same_shares(slack):
    rng, bounds = np.random.default_rng(5), ShiftBounds(1.0, Gaussian(1.0), rounding_slack=slack)
    h = rng.beta(2, 9, 200)
    for claim, bad in (
        (AskedClaim(UNIT, of="share", above=0.4, at_most=0.5), h > 0.4),
        (AskedClaim(UNIT, of="quantile:0.9", at_most=0.4), h > 0.4),
        (AskedClaim(UNIT, of="quantile:0.1", at_least=0.05), h < 0.05),
    ):
        p = level(int(bad.sum()), 200, 0.01) + slack
        for r in (0.0, 0.7):
            assert curve(claim, h, 0.01, bounds).full(r) == pytest.approx(norm.cdf(norm.ppf(p) + r) + slack, rel=1e-7)


def test_the_radius_is_the_last_one_whose_printed_bound_is_enough():
    rng = np.random.default_rng(8)
    for claim in (
        AskedClaim(UNIT, at_most=0.3),
        AskedClaim(SIGNED, at_least=0.25),
        AskedClaim(UNIT, of="quantile:0.8", at_most=0.4),
    ):
        h = rng.beta(2, 18, 300) if claim.at_least is None else 1 - rng.beta(2, 18, 300)
        found = curve(claim, h)
        radius = score_radius(found)
        assert radius is not None
        assert radius > 0
        assert found.holds_at(radius)
        assert not found.holds_at(radius * (1 + 1e-6))


# Tightness: where the score rises with u, the bound is attained.


@pytest.mark.parametrize("r", [0.1, 0.5, 2.0])
def test_an_increasing_score_attains_the_bound(r):
    edges = np.linspace(0, 1, 400)
    cuts = np.linspace(-3, 3, 399)  # g > t for t in the k-th interval where u is above the k-th cut
    found = ScoreCurve(AskedClaim(UNIT, at_most=0.5), SurvivalBand(edges, ndtr(-cuts)), BOUNDS)
    truth = float((ndtr(r - cuts) * np.diff(edges)).sum())
    assert truth <= found.full(r) <= truth * (1 + 1e-9)


def test_many_samples_come_near_the_truth():
    u = ndtri((np.arange(100_000) + 0.5) / 100_000)
    h = ndtr(u - 1.5)
    for r in (0.0, 0.5, 1.0):
        truth = float(ndtr((r - 1.5) / math.sqrt(2)))
        assert truth <= curve(AskedClaim(UNIT, at_most=0.9), h).full(r) <= truth * 1.05
