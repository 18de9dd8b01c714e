"""T2′, the spread bound that knows the diameter: closed forms, another search, exact optimal transport, mutants."""

from __future__ import annotations

from collections.abc import Callable

import mpmath as mp
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.special import ndtr

from smoothgen import Gaussian, certify
from smoothgen.certificates import total_variation, worst_event_shift
from smoothgen.certificates.bounds.bands import ORDER_STATISTICS, SurvivalBand
from smoothgen.certificates.bounds.theorems import upward_shift
from tests.support.statistics import high_precision
from tests.support.statistics.closed_form import GENERATORS, random_generator

Array = NDArray[np.float64]
RADII = [0.01, 0.1, 0.5, 1.0, 2.0, 4.0]
Bound = Callable[[SurvivalBand, float, float], float]


def oscillation(band: SurvivalBand, diameter: float, r: float) -> float:
    """The bound under test at one r."""
    return float(band.bound_by_oscillation(diameter, np.array([r]))[0])


def two_sided(band: SurvivalBand, diameter: float, r: float) -> float:
    """min(T1, T2)."""
    return min(diameter * total_variation(r), float(band.integral_of_worst_shift(np.array([r]))[0]))


# (a) Closed forms.


@pytest.mark.parametrize("r", RADII)
@pytest.mark.parametrize("p", [1e-4, 0.02, 0.1, 0.3, 0.7, 1.0])
def test_a_constant_survival_leaves_two_candidates(p: float, r: float) -> None:
    """S = p on [0, D): s·W(p) + (D − 2s)·W⁺(p) is linear in s, so the larger of D·W⁺(p) and D·W(p)/2 is it."""
    band = SurvivalBand(np.array([0.0, 1.5]), np.array([p]))
    exact = 1.5 * max(float(upward_shift(p, r)), float(worst_event_shift(p, r)) / 2)
    assert oscillation(band, 1.5, r) == pytest.approx(exact, rel=1e-12)


@pytest.mark.parametrize("r", RADII)
@pytest.mark.parametrize("edge", [1.0, 1.9])  # D_c: a centre may lie anywhere, or be no output at all
def test_where_nothing_is_known_it_is_t1(edge: float, r: float) -> None:
    band = SurvivalBand(np.array([0.0, edge]), np.array([1.0]))
    assert oscillation(band, 1.0, r) == pytest.approx(total_variation(r), rel=1e-12)


@pytest.mark.parametrize("r", RADII)
def test_where_only_the_centre_is_known_it_is_at_most_t1(r: float) -> None:
    band = SurvivalBand(np.array([0.0, 0.5]), np.array([1.0]))
    assert oscillation(band, 1.0, r) <= total_variation(r) * (1 + 1e-12)


# (b) Slower, independent methods.


@pytest.mark.parametrize("r", [1e-6, 0.01, 0.3, 1.0, 3.0, 20.0])
def test_the_upward_shift_is_never_below_forty_digits_and_never_far_above(r: float) -> None:
    with mp.workdps(high_precision.DIGITS):
        for p in (1e-12, 1e-6, 0.01, 0.2, 0.5, 0.9, 1 - 1e-9):
            q = min(mp.mpf(p), mp.ncdf(-mp.mpf(r) / 2))
            exact = high_precision.attacked_probability(q, r) - q
            excess = mp.mpf(float(upward_shift(p, r))) - exact
            assert 0 <= excess <= max(mp.mpf("1e-12"), exact * mp.mpf("1e-9")), (p, r)


def searched(band: SurvivalBand, diameter: float, r: float) -> float:
    """The maximum over a fine grid of s, with every integral a sum over a fine grid of t."""
    t = np.linspace(0, diameter, 6001)
    middle = (t[1:] + t[:-1]) / 2
    level = np.array([band.survival_upper_bound(x) for x in middle])
    lost_or_gained = np.concatenate(([0.0], np.cumsum(worst_event_shift(level, r)))) * (t[1] - t[0])
    gained = np.concatenate(([0.0], np.cumsum(upward_shift(level, r)))) * (t[1] - t[0])
    s = np.arange(3001)  # up to D/2
    return float((lost_or_gained[s] + gained[6000 - s] - gained[s]).max())


@pytest.mark.parametrize("seed", range(12))
def test_a_grid_search_agrees(seed: int) -> None:
    rng = np.random.default_rng(seed)
    bound = rng.uniform(0.6, 1.6)
    band = ORDER_STATISTICS.build(np.sort(rng.beta(*rng.uniform(0.3, 4, 2), size=80)) * bound, bound, 0.05)
    for r in RADII:
        slow = searched(band, 1.0, r)
        assert slow == pytest.approx(oscillation(band, 1.0, r), rel=2e-3)


def test_rows_do_not_depend_on_one_another() -> None:
    band = ORDER_STATISTICS.build(np.sort(np.random.default_rng(1).random(200)), 1.0, 0.01)
    together = band.bound_by_oscillation(1.0, np.array(RADII))
    assert together.tolist() == [oscillation(band, 1.0, r) for r in RADII]


# (c) Validity: exact optimal transport on random finite metric spaces, and simulated certificates.


def transport(distance: Array, p: Array, q: Array) -> float:
    """W₁ of two laws on a finite space, as a linear programme."""
    k = len(p)
    marginals = np.concatenate([np.kron(np.eye(k), np.ones(k)), np.kron(np.ones(k), np.eye(k))])
    solved = linprog(distance.ravel(), A_eq=marginals, b_eq=np.concatenate([p, q]), method="highs")
    return float(solved.fun)


def random_space(rng: np.random.Generator) -> Array:
    """Distances between 2 to 6 outputs and one more point, a centre that need be no output: (k + 1, k + 1)."""
    k = rng.integers(2, 7)
    kind = rng.integers(4)
    if kind == 0:  # all outputs equally far apart, the centre anywhere the triangle inequality lets it be
        distance = np.pad(np.ones((k, k)) - np.eye(k), ((0, 1), (0, 1)), constant_values=rng.uniform(0.5, 2.0))
        distance[k, k] = 0.0
        return distance
    points = rng.standard_normal((k + 1, 1 if kind == 1 else 3))
    points[k] *= rng.choice([0.1, 1.0, 3.0])
    distance = np.linalg.norm(points[:, None] - points[None], axis=2)
    return np.minimum(distance, rng.uniform(0.5, 3)) if kind == 3 else distance


def shortfalls(bound: Bound, spaces: int, seed: int) -> list[float]:
    """true W₁ / bound over random spaces, laws and radii, for the true survival around every point as the centre."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(spaces):
        distance = random_space(rng)
        k, r = len(distance) - 1, rng.uniform(0.1, 2.5)
        edges = np.concatenate(([-np.inf], np.sort(rng.normal(0, 1.3, 12)), [np.inf]))
        label = rng.integers(0, k, len(edges) - 1)
        if rng.random() < 0.5:
            label = np.where(rng.random(len(label)) < 0.6, 0, label)
        p, q = (np.bincount(label, np.diff(ndtr(edges - shift)), k) for shift in (0.0, r))
        exact = transport(distance[:k, :k], p / p.sum(), q / q.sum())
        for centre in range(k + 1):
            away = distance[centre, :k]
            steps = np.unique(np.concatenate(([0.0], away)))
            if len(steps) < 2:
                continue
            survival = np.array([p[away > t + 1e-12].sum() for t in steps[:-1]])
            stated = bound(SurvivalBand(steps, np.minimum(survival, 1.0)), float(distance[:k, :k].max()), r)
            found.append(exact / max(stated, 1e-12) if exact > 1e-9 else 0.0)
    return found


def test_no_transport_exceeds_it_and_some_attain_it() -> None:
    found = shortfalls(oscillation, 400, seed=0)
    assert len(found) > 1500
    assert max(found) <= 1 + 1e-7
    assert max(found) >= 1 - 1e-6


@pytest.mark.parametrize("name", GENERATORS)
def test_it_lies_between_the_truth_and_both_older_bounds(name: str) -> None:
    check(GENERATORS[name])


def test_random_generators_too() -> None:
    rng = np.random.default_rng(5)
    for _ in range(200):
        check(random_generator(rng))


def check(generator) -> None:
    edges = np.unique(np.concatenate(([0.0], generator.distances, [generator.bound, 1.0])))
    band = SurvivalBand(edges, np.minimum(1.0, generator.survival(edges[:-1])))
    for r in RADII:
        stated = oscillation(band, 1.0, r)
        assert generator.worst_w1(r) <= stated + 1e-12
        assert stated <= two_sided(band, 1.0, r) * (1 + 1e-9)


# (d) Tightness: what it gains at n = 500, alpha = 0.001, and that it never loses.


@pytest.mark.parametrize(("lost", "gain"), [(0, 0.0), (5, 0.0), (50, 0.058), (100, 0.133)], ids=lambda x: str(x))
def test_the_gain_for_labels(lost: int, gain: float) -> None:
    drawn = np.concatenate((np.ones(lost), np.zeros(500 - lost)))
    certificate = certify(
        drawn,
        bound=1.0,
        diameter=1.0,
        mechanism=Gaussian(1.0),
        alpha=0.001,
        tolerance=0.1,
        band="two-valued/v1",
    )
    before = bisected(lambda r: two_sided(certificate.survival, 1.0, r), 0.1)
    assert certificate.radius / before - 1 == pytest.approx(gain, abs=0.002)


def bisected(bound: Callable[[float], float], tolerance: float) -> float:
    """The r at which an increasing bound reaches the tolerance."""
    low, high = 0.0, 20.0
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if bound(middle) <= tolerance else (low, middle)
    return low


# Tests that can fail: bounds that leave something out.


def without_mirrored_kinks(band: SurvivalBand, diameter: float, r: float) -> float:
    """WRONG: the maximand read at the edges t only, not at D − t."""
    s = np.unique(np.clip(np.concatenate((band.edges, [diameter / 2])), 0, diameter / 2))
    return _at(band, diameter, r, s)


def one_side_only(band: SurvivalBand, diameter: float, r: float) -> float:
    """WRONG: s = 0, as if no function dipped below the centre's value."""
    return _at(band, diameter, r, np.zeros(1))


def one_side_up_to_half(band: SurvivalBand, diameter: float, r: float) -> float:
    """WRONG: s = D/2 alone."""
    return _at(band, diameter, r, np.array([diameter / 2]))


def _at(band: SurvivalBand, diameter: float, r: float, s: Array) -> float:
    def integral(height: Array, to: Array) -> Array:
        return np.interp(to, band.edges, np.concatenate(([0.0], np.cumsum(height * np.diff(band.edges)))))

    both, up = worst_event_shift(band.levels, r), upward_shift(band.levels, r)
    return float((integral(both, s) + integral(up, diameter - s) - integral(up, s)).max())


@pytest.mark.parametrize("mutant", [without_mirrored_kinks, one_side_only, one_side_up_to_half])
def test_the_harness_notices_a_bound_that_is_too_low(mutant: Bound) -> None:
    rng = np.random.default_rng(2)
    low = 0.0
    for _ in range(200):
        bound = rng.uniform(0.6, 1.6)
        band = ORDER_STATISTICS.build(np.sort(rng.beta(*rng.uniform(0.3, 4, 2), size=80)) * bound, bound, 0.05)
        r = rng.uniform(0.1, 2.0)
        low = max(low, 1 - mutant(band, 1.0, r) / oscillation(band, 1.0, r))
    assert low > 0.005
    if mutant is not without_mirrored_kinks:
        assert max(shortfalls(mutant, 400, seed=0)) > 1.001
