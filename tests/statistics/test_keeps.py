"""The radius up to which an answer keeps a share: closed form, bisection, validity, tightness, mutants."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from scipy.special import betaincinv, ndtr, ndtri
from scipy.stats import binom, norm

from smoothgen import Certificate, Gaussian, certify
from smoothgen.certificates.bounds.bands import SurvivalBand
from smoothgen.certificates.bounds.keeps import keep_radius, kept_share
from smoothgen.certificates.bounds.shift_bounds import ShiftBounds
from smoothgen.errors import InvalidKeep
from tests.support.statistics.validity import most_false_claims

SIGMA = 0.5
SHARES = (0.5, 0.7, 0.9, 0.99)


def certified(lost: int, n: int, *, alpha: float, slack: float = 0.0, **asked) -> Certificate:
    """A certificate of n answers of which so many are lost."""
    made = certify(
        np.repeat([0.0, 1.0], [n - lost, lost]),
        bound=1.0,
        diameter=1.0,
        mechanism=Gaussian(SIGMA),
        alpha=alpha,
        tolerance=0.1,
        band="two-valued/v1",
        rounding_slack=slack,
        **asked,
    )
    assert isinstance(made, Certificate)
    return made


def radii(certificate: Certificate) -> dict[float, float]:
    """The radius of every share, in sigmas."""
    return {kept.share: kept.radius / SIGMA for kept in certificate.claims.keeps}


@pytest.mark.parametrize(
    ("lost", "half", "nine_tenths", "w1"),
    [(0, 2.2051, 0.9236, 0.998), (12, 1.6141, 0.3326, 0.5915), (60, 0.9501, 0.0, 0.3404)],
)
def test_the_numbers_of_the_page(lost, half, nine_tenths, w1):
    made = certified(lost, 500, alpha=1e-3)
    assert radii(made) == {0.5: pytest.approx(half, abs=1e-4), 0.9: pytest.approx(nine_tenths, abs=1e-4), 0.99: 0.0}
    assert made.radius / SIGMA == pytest.approx(w1, abs=1e-3)
    assert certified(lost, 500, alpha=1e-3, keep=0.5).radius / SIGMA == radii(made)[0.5]


def test_no_answer_lost_is_one_equation():
    """With K = 0 the level is 1 − α^{1/n}, and r_s = Φ⁻¹(1 − s) − Φ⁻¹(1 − α^{1/n}): for 0.99 above 0 from n = 688."""
    for n in (60, 500, 10_000):
        level = -math.expm1(math.log(1e-3) / n)
        found = radii(certified(0, n, alpha=1e-3, keep=0.7))
        for share in SHARES:
            exact = max(0.0, float(ndtri(1 - share) - ndtri(level)))
            assert found[share] <= exact
            assert found[share] == pytest.approx(exact, rel=3e-8)
    assert radii(certified(0, 687, alpha=1e-3))[0.99] == 0 < radii(certified(0, 688, alpha=1e-3))[0.99]


def by_bisection(lost: int, n: int, share: float, alpha: float, slack: float) -> float:
    """The radius in sigmas from the binomial and the normal distribution functions alone, by bisection twice."""
    low, high = lost / n, 1.0
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if binom.cdf(lost, n, middle) > alpha else (low, middle)
    raised, kept = high + slack, 0.0
    quantile_low, quantile_high = -40.0, 40.0
    for _ in range(200):
        middle = (quantile_low + quantile_high) / 2
        below = norm.cdf(middle) < raised
        quantile_low, quantile_high = (middle, quantile_high) if below else (quantile_low, middle)
    far = 40.0
    for _ in range(200):
        middle = (kept + far) / 2
        holds = norm.sf(quantile_high + middle) - slack >= share
        kept, far = (middle, far) if holds else (kept, middle)
    return kept


@pytest.mark.parametrize("slack", [0.0, 1e-4])
@pytest.mark.parametrize(("lost", "n"), [(0, 40), (1, 40), (3, 200), (90, 200), (4, 2000)])
def test_bisection_gives_the_same_radius(lost, n, slack):
    found = radii(certified(lost, n, alpha=0.01, slack=slack, keep=0.7))
    for share in SHARES:
        slow = by_bisection(lost, n, share, 0.01, slack)
        assert found[share] <= slow * (1 + 1e-9)
        assert found[share] == pytest.approx(slow, rel=1e-7, abs=1e-8)


@pytest.mark.parametrize("keep", [1e-9, 0.1, 0.123456789123, 0.5, 0.75, 0.9, 0.98, 1 - 1e-6])
@pytest.mark.parametrize("lost", [0, 2, 40])
def test_the_printed_share_decides_and_the_next_radius_is_too_large(keep, lost):
    made = certified(lost, 500, alpha=1e-3, keep=keep)
    if made.radius == 0:
        assert kept_share(made.survival, made.bounds, 1e-9) < keep
        return
    assert kept_share(made.survival, made.bounds, made.radius) >= keep
    assert kept_share(made.survival, made.bounds, made.radius * (1 + 1e-5)) < keep


ALPHA, REPEATS, SAMPLES = 0.05, 4000, 132
LOST_WITH = float(ndtr(-2.0))
"""The chance that the answer is lost at the honest prompt, where u > 2. After no loss of 132 the level lies just below
it: 4.8 % of certificates are false, so that any cheaper bound would be seen."""
Radius = Callable[[int, float], float]


def truth(share: float) -> float:
    """The exact radius in sigmas: the answer is lost where u > 2, the worst event there is."""
    return float(ndtri(1 - share)) + 2.0


@cache
def honest(lost: int, share: float) -> float:
    return radii(certified(lost, SAMPLES, alpha=ALPHA, keep=0.7))[share]


def false_radii(radius: Radius) -> int:
    """In how many of the repeats the radius of any share is larger than the truth."""
    drawn = np.random.default_rng(7).random((REPEATS, SAMPLES)) < LOST_WITH
    counts = Counter(drawn.sum(axis=1).tolist())
    wrong = [n for lost, n in counts.items() if any(radius(lost, s) > truth(s) * (1 + 1e-12) for s in (0.5, 0.7, 0.9))]
    return sum(wrong)


def test_a_radius_is_false_as_rarely_as_stated_and_not_much_more_rarely():
    assert 100 < false_radii(honest) <= most_false_claims(REPEATS, ALPHA)


def _of_level(level: float, share: float) -> float:
    return max(0.0, float(ndtri(1 - share) - ndtri(level)))


def _at_alpha(lost: int, alpha: float) -> float:
    return 1.0 if lost == SAMPLES else float(betaincinv(lost + 1, SAMPLES - lost, 1 - alpha))


MUTANTS: dict[str, Radius] = {
    "the share seen in place of its bound": lambda lost, share: _of_level(max(lost, 0.5) / SAMPLES, share),
    "a level of six times alpha": lambda lost, share: _of_level(_at_alpha(lost, 6 * ALPHA), share),
    "one loss left out": lambda lost, share: honest(max(0, lost - 1), share),
    "the radius of a half for every share": lambda lost, share: honest(lost, 0.5),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_the_count_catches_a_mutant(name):
    assert false_radii(MUTANTS[name]) > most_false_claims(REPEATS, ALPHA)


def test_the_worst_event_attains_the_bound():
    """Against an answer that is lost where u > b, many samples come near the exact radius, and never beyond it here."""
    n = 200_000
    made = radii(certified(int(n * LOST_WITH), n, alpha=1e-3, keep=0.7))
    for share in (0.5, 0.7, 0.9):
        assert 0.97 * truth(share) < made[share] < truth(share)


def test_the_radius_at_a_half_is_where_the_majority_may_be_lost():
    """Strictly below r_½ the answer has more than a half, at it a half: the claim about a majority is strict."""
    below, at = (float(ndtr(2.0 - r)) for r in (truth(0.5) - 1e-6, truth(0.5)))
    assert below > 0.5 == at


@pytest.mark.parametrize("reach", [0.4, math.inf])
def test_nothing_is_kept_beyond_the_reach(reach):
    survival = SurvivalBand(np.array([0.0, 1.0]), np.array([0.01]))
    bounds = ShiftBounds(1.0, Gaussian(SIGMA), reach=reach)
    assert keep_radius(survival, bounds, 0.5) == pytest.approx(min(reach, 2.326347 * SIGMA), rel=1e-6)
    assert kept_share(survival, bounds, 0.41) == (0.0 if reach < 1 else pytest.approx(0.9340, abs=1e-4))


@pytest.mark.parametrize("level", [1.0, 0.6, 0.5])
def test_a_level_that_leaves_no_share_has_no_radius(level):
    survival = SurvivalBand(np.array([0.0, 1.0]), np.array([level]))
    assert keep_radius(survival, ShiftBounds(1.0, Gaussian(SIGMA)), 0.5) == 0


@pytest.mark.parametrize("share", [0.0, 1.0, -0.5, 1.5, math.nan, math.inf])
def test_a_share_that_is_none_is_refused(share):
    with pytest.raises(InvalidKeep, match=r"such as 0\.9"):
        certified(0, 50, alpha=0.01, keep=share)
