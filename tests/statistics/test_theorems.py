"""T1, T2, T3 as functions of r and exact probabilities: closed forms, mpmath, direct optimisation, and the claim."""

import mpmath as mp
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import linprog
from scipy.special import ndtr

from smoothgen.certificates import attacked_probability, total_variation, universal_w1_bound, worst_event_shift
from tests.support.statistics import high_precision
from tests.support.statistics.closed_form import GENERATORS, RARE_STEP, random_generator

TABLE_P = [0.0001, 0.01, 0.05, 0.2, 0.5, 0.8, 1.0]
TABLE = {
    0.1: [0.000048, 0.003028, 0.011861, 0.035155, 0.063521, 0.077233, 0.079755],
    0.5: [0.000543, 0.023899, 0.076135, 0.181515, 0.313575, 0.381889, 0.394825],
    1.0: [0.003174, 0.082362, 0.209511, 0.383069, 0.603414, 0.737940, 0.765850],
    2.0: [0.042706, 0.362081, 0.588760, 0.764507, 1.052256, 1.294208, 1.365379],
}
RADII = [1e-6, 1e-5, 1e-4, 1e-3, 0.0063, 0.0131, 0.0272, 0.0564, 0.117, 0.2425, 0.361, 0.503, 1, 1.5, 2.8, 5, 9, 17, 40]
PROBABILITIES = [1e-12, 1e-10, 1e-8, 3.2e-6, 1e-4, 1.7e-3, 0.01, 0.1, 0.3, 0.5, 0.75, 0.95, 0.9999, 1 - 1e-9, 1.0]


# (a) Closed forms.


@pytest.mark.parametrize("r", TABLE)
def test_the_published_table(r):
    assert np.round(worst_event_shift(TABLE_P, r), 6).tolist() == TABLE[r]


def test_a_rare_step():
    """Y = 1{u > 2.5}, c = 0, so P(R > t) = Φ(−2.5) for all t < 1: T2 is Φ(−1.5) − Φ(−2.5), the true W₁ itself."""
    assert RARE_STEP.w1(1.0) == pytest.approx(0.0606, abs=5e-5)
    assert float(worst_event_shift(ndtr(-2.5), 1.0)) == pytest.approx(0.0606, abs=5e-5)
    assert universal_w1_bound(1.0, 1.0) == pytest.approx(0.3829, abs=5e-5)


def tanh_output(u):
    return 0.5 + 0.5 * np.tanh(2 * u)


def normal_density(u):
    return np.exp(-u * u / 2) / np.sqrt(2 * np.pi)


def test_tanh_in_the_continuum():
    """Y = ½ + ½·tanh(2u) is increasing in u: W₁ is the difference of the means, P(R > t) = 2Φ(−atanh(2t)/2)."""
    r = 0.5
    true = quad(lambda u: tanh_output(u + r) * normal_density(u), -12, 12)[0] - 0.5
    spread = quad(lambda t: float(worst_event_shift(2 * ndtr(-np.arctanh(2 * t) / 2), r)), 0, 0.5, epsabs=1e-8)[0]
    assert true == pytest.approx(0.1762, abs=5e-5)
    assert spread == pytest.approx(0.1804, abs=5e-5)
    assert universal_w1_bound(1.0, r) == pytest.approx(0.1974, abs=5e-5)
    assert true < spread < universal_w1_bound(1.0, r)


# (b) Slower, independent methods.


@pytest.mark.parametrize("r", RADII)
def test_the_worst_shift_is_never_below_forty_digits_and_never_far_above(r):
    computed = worst_event_shift(PROBABILITIES, r)
    for p, upper in zip(PROBABILITIES, computed, strict=True):
        exact = high_precision.worst_event_shift(p, r)
        with mp.workdps(high_precision.DIGITS):
            excess = mp.mpf(float(upper)) - exact
            assert excess >= 0, (p, r)
            assert excess <= max(mp.mpf("1e-12"), exact * mp.mpf("1e-9")), (p, r)


def test_random_arguments_too():
    rng = np.random.default_rng(11)
    for p, r in zip(10 ** rng.uniform(-12, 0, 60), 10 ** rng.uniform(-6, np.log10(40), 60), strict=True):
        excess = mp.mpf(float(worst_event_shift(p, r))) - high_precision.worst_event_shift(p, r)
        assert 0 <= excess <= 1e-12, (p, r)


@pytest.mark.parametrize("r", [1e-300, 1e-6, 0.01, 1.0, 5.0, 17.0, 40.0])
def test_the_total_variation_is_never_below_forty_digits(r):
    exact = high_precision.total_variation(r)
    assert exact <= total_variation(r) <= exact * (1 + mp.mpf("1e-12"))


@pytest.mark.parametrize("r", [1e-6, 0.1, 1.0, 5.0, 40.0])
def test_the_attacked_probability_is_never_below_forty_digits(r):
    for p, upper in zip(PROBABILITIES[:-1], attacked_probability(PROBABILITIES[:-1], r), strict=True):
        exact = high_precision.attacked_probability(p, r)
        assert exact <= float(upper) <= exact + max(mp.mpf("1e-13"), exact * mp.mpf("1e-11")), (p, r)


def cells(r: float, count: int):
    """Honest and attacked masses of a partition of the line."""
    borders = np.concatenate(([-np.inf], np.linspace(-9, 9 + r, count - 1), [np.inf]))

    def masses(at):
        left, right = at[:-1], at[1:]
        return np.where(left > 0, ndtr(-left) - ndtr(-right), ndtr(right) - ndtr(left))

    return masses(borders), masses(borders - r)


@pytest.mark.parametrize("r", [0.05, 0.25, 0.5, 1.0, 2.0, 4.0])
def test_choosing_cells_greedily_reaches_the_worst_shift_and_no_more(r):
    """The knapsack over 200,000 cells: take those with the largest |dQ − dP| per dP until p is spent."""
    honest, attacked = cells(r, 200_000)
    moved = np.abs(attacked - honest)
    with np.errstate(divide="ignore", invalid="ignore"):
        order = np.argsort(-np.where(honest > 0, moved / honest, np.inf))
    spent, gained = np.cumsum(honest[order]), np.cumsum(moved[order])
    for p in (1e-4, 0.0017, 0.01, 0.1, 0.3, 0.5, 0.9):
        reached = float(np.interp(p, spent, gained))
        upper = float(worst_event_shift(p, r))
        assert reached <= upper + 1e-12
        assert reached == pytest.approx(upper, abs=2e-7)


@pytest.mark.parametrize(("r", "p"), [(0.25, 0.007), (0.5, 0.12), (1.0, 0.05), (2.0, 0.5)])
def test_a_linear_programme_over_events_agrees(r, p):
    honest, attacked = cells(r, 600)
    moved = np.abs(attacked - honest)
    solved = linprog(-moved, A_ub=honest[None, :], b_ub=[p], bounds=(0, 1), method="highs")
    upper = float(worst_event_shift(p, r))
    assert -solved.fun <= upper + 1e-7
    assert -solved.fun == pytest.approx(upper, abs=2e-4)


# (c) The claims, for generators known exactly.


def spread_bound(generator, r: float) -> float:
    """∫ W_r(P(R > t)) dt with the exact law of R."""
    edges = np.unique(np.concatenate(([0.0], generator.distances, [generator.bound])))
    return float(worst_event_shift(generator.survival(edges[:-1]), r) @ np.diff(edges))


@pytest.mark.parametrize("name", GENERATORS)
def test_no_attack_on_a_named_generator_exceeds_a_bound(name):
    check_theorems(GENERATORS[name], [0.01, 0.1, 0.5, 1.0, 2.0, 4.0])


def test_no_attack_on_random_generators_exceeds_a_bound():
    rng = np.random.default_rng(3)
    for _ in range(400):
        check_theorems(random_generator(rng), 10 ** rng.uniform(-3, 0.8, size=2))


def check_theorems(generator, radii) -> None:
    for r in radii:
        spread, universal = spread_bound(generator, r), universal_w1_bound(1.0, r)
        atoms = generator.distances
        weighs = attacked_probability(np.minimum(1.0, generator.survival(atoms)), r)
        for shift in (-r, -r / 2, r / 2, r):
            assert generator.w1(shift) <= spread + 1e-12
            assert generator.w1(shift) <= universal + 1e-12
            assert (generator.survival(atoms, shift) <= weighs + 1e-12).all()
