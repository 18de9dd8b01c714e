"""At alpha = 0.05, how often is any claim false? A sound bound fails one of these tests once in a million runs."""

import numpy as np
import pytest

from smoothgen import Gaussian, certify
from smoothgen.certificates.bounds.bands import ORDER_STATISTICS, TWO_VALUED, SurvivalBand
from smoothgen.noise import Seed, Stream
from tests.support.statistics.closed_form import GENERATORS, LABELS, NARROW, RARE_STEP, TANH
from tests.support.statistics.validity import false_bands, false_certificates, most_false_claims

ALPHA = 0.05
SIZES = [1, 5, 50, 500]


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("name", GENERATORS)
def test_the_band_covers_the_survival_function_everywhere(name, n):
    repeats = 2000
    false = false_bands(GENERATORS[name], ORDER_STATISTICS.build, n=n, alpha=ALPHA, repeats=repeats, seed=n)
    assert false <= most_false_claims(repeats, ALPHA)


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("name", LABELS)
def test_the_two_valued_band_covers_the_exceedance(name, n):
    repeats = 4000
    false = false_bands(LABELS[name], TWO_VALUED.build, n=n, alpha=ALPHA, repeats=repeats, seed=n)
    assert false <= most_false_claims(repeats, ALPHA)


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("name", GENERATORS)
def test_no_claim_of_the_certificate_is_false_too_often(name, n):
    repeats = 60
    false = false_certificates(
        GENERATORS[name], band="order-statistics/v1", n=n, alpha=ALPHA, repeats=repeats, seed=100 + n
    )
    assert false <= most_false_claims(repeats, ALPHA)


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("name", LABELS)
def test_no_claim_of_a_label_certificate_is_false_too_often(name, n):
    repeats = 100
    false = false_certificates(LABELS[name], band="two-valued/v1", n=n, alpha=ALPHA, repeats=repeats, seed=200 + n)
    assert false <= most_false_claims(repeats, ALPHA)


def test_thousands_of_whole_certificates():
    """The label generator that Clopper–Pearson is tightest for, and the one with the largest rare values."""
    repeats = 1000
    label = LABELS["label, rarely lost"]
    false = false_certificates(label, band="two-valued/v1", n=50, alpha=ALPHA, repeats=repeats, seed=1)
    assert false <= most_false_claims(repeats, ALPHA)
    rare = false_certificates(RARE_STEP, band="order-statistics/v1", n=50, alpha=ALPHA, repeats=repeats, seed=2)
    assert rare <= most_false_claims(repeats, ALPHA)


def test_the_whole_path_from_noise_to_certificate():
    """Noise drawn by the mechanism in four dimensions, a ridge generator, an attack along the ridge."""
    sigma, repeats, n = 0.5, 400, 50
    ridge = np.array([0.5, -0.5, 0.5, 0.5])
    r = np.array([0.25, 0.5, 1.0, 2.0])
    true = np.array([TANH.w1(x) for x in r])
    false = 0
    for repeat in range(repeats):
        noise = Gaussian(sigma).draw(Seed(repeat, "server"), Stream.CERTIFICATION, range(n), (4,))
        outputs = 0.5 + 0.5 * np.tanh(2 * (noise @ ridge) / sigma)
        made = certify(
            np.abs(outputs - 0.5), bound=0.5, diameter=1.0, mechanism=Gaussian(sigma), alpha=ALPHA, tolerance=0.15
        )
        # The grid generator differs from tanh by less than its cell width.
        false += bool((true > np.array([made.w1_bound(sigma * x) for x in r]) + 0.006).any())
    assert false <= most_false_claims(repeats, ALPHA)


# Tests that can fail: the same harness on bands that are wrong.


def empirical(ordered, bound, alpha) -> SurvivalBand:
    """What was seen, taken for what is."""
    n = len(ordered)
    return SurvivalBand(np.concatenate(([0.0], ordered, [bound])), np.arange(n, -1, -1) / n)


def without_union(ordered, bound, alpha) -> SurvivalBand:
    """All of alpha at every rank."""
    honest = ORDER_STATISTICS.build(ordered, bound, alpha)
    ranks = ORDER_STATISTICS.split(len(ordered), alpha)["grid_ranks"]
    return ORDER_STATISTICS.build(ordered, bound, min(0.99, alpha * ranks)) if ranks > 1 else honest


def next_rank(ordered, bound, alpha) -> SurvivalBand:
    """Every level one grid step too far to the left."""
    honest = ORDER_STATISTICS.build(ordered, bound, alpha)
    return SurvivalBand(honest.edges, np.append(honest.levels[1:], honest.levels[-1]))


def without_the_unseen(ordered, bound, alpha) -> SurvivalBand:
    """Nothing lies beyond the largest sample."""
    honest = ORDER_STATISTICS.build(ordered, bound, alpha)
    return SurvivalBand(honest.edges, np.append(honest.levels[:-1], 0.0))


@pytest.mark.parametrize("broken", [empirical, without_union, next_rank, without_the_unseen], ids=lambda b: b.__name__)
def test_a_broken_band_is_caught(broken):
    repeats = 300
    false = false_bands(NARROW, broken, n=500, alpha=ALPHA, repeats=repeats, seed=5)
    assert false > most_false_claims(repeats, ALPHA)


def test_clopper_pearson_at_a_tenth_of_its_price_is_caught():
    def cheap(ordered, bound, alpha):
        return TWO_VALUED.build(ordered, bound, 10 * alpha)

    repeats = 2000
    false = false_bands(LABELS["label, often lost"], cheap, n=500, alpha=ALPHA, repeats=repeats, seed=6)
    assert false > most_false_claims(repeats, ALPHA)
