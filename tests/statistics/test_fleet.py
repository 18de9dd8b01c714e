"""T5: averages over differently distributed requests. Closed forms, slower methods, validity, tightness.

At alpha = 0.05; a sound bound fails one of the counted tests once in a million runs.
"""

from fractions import Fraction
from itertools import product

import mpmath as mp
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import betainccinv
from scipy.stats import binom

from smoothgen import Gaussian
from smoothgen.certificates.bounds.theorems import worst_event_shift
from smoothgen.certificates.fleet.certify import (
    NOT_SERVED,
    OUTSTANDING,
    FleetCertificate,
    certify_fleet,
    exceedance_limit,
    fleet_bin,
    fleet_thresholds,
)
from smoothgen.certificates.fleet.levels import LOOKS
from tests.support.statistics import high_precision
from tests.support.statistics.closed_form import TANH
from tests.support.statistics.fleets import (
    FLEETS,
    NORMS,
    SIGMA,
    certified,
    closed,
    cycle,
    ended_by,
    false_fleets,
    losses,
    slow_when_far,
)
from tests.support.statistics.validity import most_false_claims

ALPHA = 0.05
REPEATS = 4000
J = len(fleet_thresholds())


def poisson_binomial(probabilities) -> np.ndarray:
    """P(K = k) for k = 0 … N, one convolution a request."""
    law = np.ones(1)
    for p in probabilities:
        law = np.convolve(law, [1 - p, p])
    return law


def false_probability(probabilities, limits) -> float:
    """Exact P(p̄ > limit(K))."""
    return float(poisson_binomial(probabilities)[limits < np.mean(probabilities)].sum())


def limits(n: int, alpha: float) -> np.ndarray:
    """The limit for every count."""
    return exceedance_limit(np.arange(n + 1), n, alpha)


# (a) Closed forms.


@pytest.mark.parametrize("n", [1, 2, 60, 100_000])
@pytest.mark.parametrize("alpha", [1e-6, 0.05, 0.5])
def test_nothing_seen_is_one_binomial(n, alpha):
    """K = 0: the largest p with (1 − p)^N ≥ alpha, or 1/N where that is more."""
    assert float(exceedance_limit(0, n, alpha)) == pytest.approx(max(1 - alpha ** (1 / n), 1 / n), rel=2e-9)


@pytest.mark.parametrize("n", [1, 2, 60])
def test_all_seen_or_all_but_one_prove_nothing(n):
    assert exceedance_limit([n - 1, n], n, 0.9).tolist() == [1.0, 1.0]


def test_requests_without_distances_leave_the_price_of_the_unseen():
    made = certified(np.zeros(5000, dtype=np.uint8), 1e-3, closed=True)
    level = 1 - (1e-3 / 2 / J) ** (1 / 5000)
    assert made.survival.levels == pytest.approx(np.full(J, level))
    assert made.w1_bound(SIGMA) == pytest.approx(float(worst_event_shift(level, 1.0)), rel=1e-8)


@pytest.mark.parametrize("r", [0.1, 0.5, 1.0])
def test_ever_more_requests_reach_the_integral(r):
    """R uniform on [0, 1/4]: from above, and within the 5 % of the grid's steps."""
    exact = quad(lambda t: float(worst_event_shift(1 - 4 * t, r)), 0, 0.25)[0]
    excess = []
    for n in (10_000, 100_000, 1_000_000, 10_000_000):
        distances = (np.arange(n) + 0.5) / (4 * n)
        bins = np.searchsorted(fleet_thresholds(), distances).astype(np.uint8)
        excess.append(certified(bins, 1e-3, closed=True).w1_bound(SIGMA * r) / exact - 1)
    assert excess == sorted(excess, reverse=True)
    assert 0 < excess[-1] < 0.05


# (b) Slower, independent methods.


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("alpha", [0.01, 0.05, 0.5, 0.9])
def test_no_handful_of_probabilities_is_missed_too_often(n, alpha):
    """Every combination on a grid that is fine near 0 and 1, each by exact convolution."""
    grid = sorted({0.0, 1e-9, 1e-3, 0.01, *np.linspace(0.05, 0.95, 19), 0.99, 0.999, 1 - 1e-9, 1.0})
    for probabilities in product(grid, repeat=n):
        assert false_probability(probabilities, limits(n, alpha)) <= alpha * (1 + 1e-9), probabilities


@pytest.mark.parametrize("n", [4, 7, 20, 60, 200])
@pytest.mark.parametrize("alpha", [1e-6, 0.05, 0.5])
def test_no_mix_of_probabilities_is_missed_too_often(n, alpha):
    rng = np.random.default_rng(n)
    above = limits(n, alpha)
    for _ in range(200):
        p = rng.beta(*(10 ** rng.uniform(-2, 1, 2)), size=n)  # from nearly all at 0 and 1 to nearly equal
        p[: rng.integers(0, n)] = rng.integers(0, 2)  # some that are certain
        assert false_probability(p, above) <= alpha * (1 + 1e-9)
    for limit in above[above < 1]:
        # Just beyond each limit, where a binomial is missed with probability alpha exactly: mixes of the same mean.
        mean = min(1.0, float(limit) * (1 + 1e-8))
        for spread in (0.0, 0.5, 1.0):
            wide = min(mean, 1 - mean) * spread
            assert false_probability(mean + wide * (-1.0) ** np.arange(n), above) <= alpha * (1 + 1e-6)
        ones = int(n * mean)
        certain = np.concatenate((np.ones(ones), [n * mean - ones], np.zeros(n)))[:n]
        assert false_probability(certain, above) <= alpha * (1 + 1e-6)


def test_hoeffdings_inequality_itself():
    """P(K ≤ k) is at most the binomial's for k ≤ Np̄ − 1; one count higher it can be more."""
    rng = np.random.default_rng(8)
    exceeded = 0
    for _ in range(3000):
        n = int(rng.integers(2, 30))
        p = rng.beta(*(10 ** rng.uniform(-1.5, 1, 2)), size=n)
        mixed, equal = np.cumsum(poisson_binomial(p)), binom.cdf(np.arange(n + 1), n, p.mean())
        k = np.arange(n + 1)
        covered = k <= p.sum() - 1
        assert (mixed[covered] <= equal[covered] + 1e-12).all()
        exceeded += bool((mixed > equal + 1e-6)[(k > p.sum() - 1) & (k < p.sum())].any())
    assert exceeded > 100


def test_clopper_pearson_without_the_repair_is_caught_exactly():
    """N − 1 certain events and one of probability q: a miss of probability 1 − q, more than alpha."""
    n, alpha = 20, 0.5
    k = np.arange(n)
    plain = np.append(betainccinv(k + 1, n - k, alpha), 1.0)
    q = n * (plain[n - 1] + 1e-9) - (n - 1)
    probabilities = [1.0] * (n - 1) + [q]
    assert false_probability(probabilities, plain) > 1.3 * alpha
    assert false_probability(probabilities, limits(n, alpha)) == 0.0


@pytest.mark.parametrize(("n", "counts"), [(7, [0, 3, 5]), (1000, [0, 1, 40, 500, 990])])
@pytest.mark.parametrize("alpha", [1e-12 / 2 / LOOKS / J, 1e-6, 0.05])
def test_the_limit_against_the_binomial_sum_in_forty_digits(n, counts, alpha):
    for k in counts:
        limit = float(exceedance_limit(k, n, alpha))
        # At the stated limit, rounded up, the tail is at most alpha; three billionths lower it is more.
        assert limit > (k + 1) / n
        assert high_precision.binomial_at_most(k, n, limit) <= alpha
        assert high_precision.binomial_at_most(k, n, limit * (1 - 3e-9)) > alpha


def test_the_whole_certificate_against_forty_digits():
    """The counts from the raw distances in rational numbers, and every step after them in mpmath."""
    rng = np.random.default_rng(4)
    distances = np.round(0.1 * np.exp(rng.normal(size=80)), 2).clip(0, 1.5)
    bins = bytes(fleet_bin(float(d), 1.5) for d in distances) + bytes([OUTSTANDING, NOT_SERVED])
    made = certify_fleet(bins, diameter=1.5, mechanism=Gaussian(SIGMA), alpha=ALPHA, closed=True)
    thresholds = [Fraction(float(t)) * Fraction(1.5) for t in fleet_thresholds()]
    counts = [1 + sum(Fraction(float(d)) > t for d in distances) for t in thresholds]
    assert list(made.counts) == counts
    share = mp.mpf(ALPHA) / 2 / J
    for r in (0.25, 1.0):
        total = mp.mpf(0)
        for j, (count, start) in enumerate(zip(counts, thresholds, strict=True)):
            end = thresholds[j + 1] if j + 1 < J else Fraction(1.5)
            level = min(1.0, max(limit_by_bisection(count, 81, share), (count + 1) / 81))
            total += high_precision.worst_event_shift(level, r) * mp.mpf(float(end - start))
        exact = min(total, mp.mpf(1.5) * high_precision.total_variation(r))
        assert exact <= made.w1_bound(SIGMA * r) <= exact * mp.mpf(1 + 1e-7)


def limit_by_bisection(count: int, n: int, alpha: mp.mpf) -> float:
    low, high = 0.0, 1.0
    for _ in range(52):
        middle = (low + high) / 2
        low, high = (middle, high) if high_precision.binomial_at_most(count, n, middle) > alpha else (low, middle)
    return low


# (c) Validity: how often is anything false?


@pytest.mark.parametrize("n", [1, 5, 60, 300])
@pytest.mark.parametrize("name", FLEETS)
def test_no_closed_window_is_false_too_often(name, n):
    false = false_fleets(FLEETS[name](n), closed(ALPHA), repeats=REPEATS, seed=n)
    assert false <= most_false_claims(REPEATS, ALPHA)


def running_readings(alpha: float, seed: int):
    """A reader who looks at all times of a window in which far outputs are slow, and again after it has closed.

    Every fifth prompt is refused, which takes a while and until then looks like any other outstanding request.
    """
    rng = np.random.default_rng(seed)

    def read(bins) -> list[FleetCertificate]:
        written = np.insert(bins, np.arange(0, len(bins), 5), NOT_SERVED)
        ends, over = slow_when_far(written, rng), len(written)
        times = over * np.array([0.1, 0.3, 0.5, 0.75, 0.9, 1.0])
        looks = [certified(ended_by(t, written, ends), alpha, closed=False) for t in times]
        looks += [certified(ended_by(t, written, ends), alpha, closed=True) for t in (over, 1.1 * over, 1e9)]
        return looks

    return read


@pytest.mark.parametrize("name", ["many widths", "mixed"])
def test_reading_a_window_at_all_times_is_false_no_more_often(name):
    read = running_readings(ALPHA, seed=1)
    false = false_fleets(FLEETS[name](150), read, repeats=REPEATS, seed=2)
    assert false <= most_false_claims(REPEATS, ALPHA)


def false_looks(alpha_of_a_look: float) -> int:
    """One threshold, one probability: in how many windows the most favourable of eleven looks is false."""
    rng = np.random.default_rng(9)
    sizes = 1 << np.arange(11)
    happened = np.cumsum(rng.random((REPEATS, 1024)) < 0.3, axis=1)[:, sizes - 1]
    return int((exceedance_limit(happened, sizes, alpha_of_a_look) < 0.3).any(axis=1).sum())


def test_the_most_favourable_of_paid_looks_is_sound_and_of_unpaid_ones_is_caught():
    assert false_looks(ALPHA / 2 / LOOKS) <= most_false_claims(REPEATS, ALPHA / 2)
    assert false_looks(ALPHA) > most_false_claims(REPEATS, ALPHA)


def by_completion(bins, rng):
    """The bytes in the order in which requests end."""
    ends = slow_when_far(bins, rng)
    return bins[np.argsort(ends)][np.sort(ends) <= len(bins)]


def without_the_outstanding(bins, rng):
    """All submitted at once; the clock stops when half have ended, and the others are left out."""
    ends = rng.exponential(5, len(bins)) + 3.0 * bins
    return bins[ends <= np.median(ends)]


def without_the_failed(bins, rng):
    """Draws whose output is too far to be made crash, and are taken for refusals."""
    return np.where(bins > 45, np.uint8(NOT_SERVED), bins)


def with_a_second_try(bins, rng):
    """A draw that ended far away is drawn again."""
    return np.where(bins > 45, rng.permutation(bins), bins)


@pytest.mark.parametrize(
    "broken", [by_completion, without_the_outstanding, without_the_failed, with_a_second_try], ids=lambda f: f.__name__
)
@pytest.mark.parametrize("is_closed", [True, False], ids=["closed", "running"])
def test_a_broken_record_is_caught(broken, is_closed):
    """One law for all requests, so that any subset of them has the same average."""
    rng = np.random.default_rng(3)
    repeats = 300

    def read(bins) -> list[FleetCertificate]:
        return [certified(broken(bins, rng), ALPHA, closed=is_closed)]

    false = false_fleets(cycle([TANH], 600), read, repeats=repeats, seed=4, w1=False)
    assert false > most_false_claims(repeats, ALPHA)
    # The same traffic, honestly written.
    honest = false_fleets(
        cycle([TANH], 600), lambda bins: [certified(bins, ALPHA, closed=is_closed)], repeats=repeats, seed=4
    )
    assert honest <= most_false_claims(repeats, ALPHA)


def test_what_was_seen_taken_for_what_is_is_caught():
    fleet, rng = FLEETS["many widths"](300), np.random.default_rng(5)
    false = 0
    for bins, exceeding in fleet.draws(rng, 300):
        seen = np.array(certified(bins, ALPHA, closed=True).counts) / len(bins)
        false += bool((seen < exceeding.mean(axis=0) - 1e-12).any())
    assert false > most_false_claims(300, ALPHA)


def test_all_of_alpha_at_every_threshold_is_caught():
    fleet, rng = FLEETS["many widths"](3000), np.random.default_rng(6)
    false = 0
    for bins, exceeding in fleet.draws(rng, 1000):
        counts = certified(bins, ALPHA, closed=True).counts
        false += bool((exceedance_limit(counts, len(bins), ALPHA) < exceeding.mean(axis=0)).any())
    assert false > most_false_claims(1000, ALPHA)


# (d) Tightness.


@pytest.mark.parametrize("name", ["one law", "many widths", "mostly narrow"])
def test_each_step_loses_what_the_page_says(name):
    """True average ≤ own T2 ≤ pooled ≤ on the grid ≤ certified ≤ T1, and no step is a large one."""
    fleet = FLEETS[name](60_000)
    exact = losses(fleet)
    bins, _ = next(fleet.draws(np.random.default_rng(7), 1))
    bound = np.array([certified(bins, 1e-3, closed=True).w1_bound(SIGMA * r) for r in NORMS])
    assert (exact.true <= exact.own).all()
    assert (exact.own <= exact.pooled * (1 + 1e-9)).all()
    assert (exact.pooled <= exact.grid * 1.001).all()  # two quadratures
    assert (exact.grid <= bound * 1.02).all()  # other centres
    assert (bound <= exact.universal * (1 + 1e-8)).all()
    small = NORMS <= 0.5
    assert (exact.own / exact.true)[small].max() < 1.6
    assert (exact.grid / exact.pooled)[small].max() < 1.08
    assert (bound / exact.grid)[small].max() < 1.12
