"""The baselines: closed forms, slower methods, how often each is false at alpha = 0.05, tightness, and mutants."""

import math
from fractions import Fraction

import numpy as np
import pytest
from scipy.special import ndtr, ndtri

from smoothgen import Lipschitz
from smoothgen.evaluation import Samples, smoothgen_certificate, smoothgen_label_certificate
from smoothgen.evaluation.baselines import (
    CenterSmoothing,
    center_smoothing,
    center_smoothing_of_the_paper,
    gan_smoothing,
    least_margin,
    lipschitz_enforced,
    majority,
    no_defence,
)
from smoothgen.evaluation.baselines.center_smoothing import smallest_ball
from tests.support.statistics.closed_form import GENERATORS
from tests.support.statistics.validity import most_false_claims

ALPHA, SIGMA, N = 0.05, 0.5, 200


def samples(selection, certification, *, alpha=ALPHA, tolerance=0.2, diameter=1.0, labels=None) -> Samples:
    rows = [np.asarray(given, dtype=float).reshape(len(given), -1) for given in (selection, certification)]
    given = labels or ((), ())
    return Samples(*rows, SIGMA, alpha, tolerance, diameter, *given)


def narrow(u):
    return 0.5 + 0.05 * np.clip(u, -4, 4)


# Center Smoothing


@pytest.mark.parametrize("n", [100, 200, 500])
def test_identical_outputs_have_the_radius_of_the_closed_form(n):
    margin = 0.2
    made = CenterSmoothing("exact", margin).certify(samples(np.full(n, 0.3), np.full(n, 0.3)))
    closed = SIGMA * (ndtri((ALPHA / 2) ** (1 / n)) - ndtri(0.5 + margin))
    assert closed * (1 - 1e-6) < made.radius <= closed
    assert made.bound(made.radius) == 0
    assert made.bound(1.001 * closed) == 1
    paper = CenterSmoothing("hoeffding", margin).certify(samples(np.full(n, 0.3), np.full(n, 0.3)))
    hoeffding = math.sqrt(math.log(2 / ALPHA) / (2 * n))
    assert paper.radius == pytest.approx(SIGMA * (ndtri(1 - hoeffding) - ndtri(0.5 + margin)), rel=1e-8)


def test_the_papers_formula_on_numbers_worked_by_hand():
    """n₀ = 10⁴, α₁ = 0.005: Δ₁ = √(ln 400/20000) = 0.017308. n = 10⁶, α₂ = 0.005, r = 1, Δ = 0.05: the quantile is
    Φ(Φ⁻¹(0.55) + 1) + √(ln 200/2·10⁶) = 0.869846 + 0.001628."""
    assert least_margin(10_000, 0.0025, "hoeffding") == pytest.approx(0.017308, abs=1e-6)
    paper = CenterSmoothing("hoeffding", 0.05)
    assert paper.needed_mass(1.0) == pytest.approx(0.869846, abs=1e-5)
    assert paper.rank(paper.needed_mass(1.0), 10**6, 0.005) / 10**6 == pytest.approx(0.869846 + 0.001628, abs=1e-5)


def cdf(count: int, draws: int, p: Fraction) -> Fraction:
    return sum((math.comb(draws, k) * p**k * (1 - p) ** (draws - k) for k in range(count + 1)), Fraction(0))


@pytest.mark.parametrize("draws", [5, 40, 81])
@pytest.mark.parametrize("mass", [0.05, 0.5, 0.7, 0.93, 0.999])
def test_the_rank_agrees_with_sums_in_exact_arithmetic(draws, mass):
    wanted = next((k for k in range(1, draws + 1) if cdf(k - 1, draws, Fraction(mass)) >= 1 - ALPHA), draws + 1)
    assert CenterSmoothing("exact", 0.1).rank(mass, draws, ALPHA) == wanted


@pytest.mark.parametrize("n0", [1, 2, 3, 50, 51, 300])
def test_the_least_margin_agrees_with_sums_in_exact_arithmetic(n0):
    margin, half = least_margin(n0, ALPHA), (n0 + 1) // 2
    assert cdf(half - 1, n0, Fraction(0.5 + margin)) <= Fraction(ALPHA)
    assert cdf(half - 1, n0, Fraction(0.5 + margin - 1e-6)) > Fraction(ALPHA)


@pytest.mark.parametrize("method", [center_smoothing, center_smoothing_of_the_paper])
def test_the_radius_is_where_the_bound_passes_the_tolerance(method):
    rng = np.random.default_rng(0)
    given = samples(narrow(rng.normal(size=300)), narrow(rng.normal(size=300)))
    made = method(given)
    assert made.radius > 0
    assert made.bound(made.radius) <= given.tolerance < made.bound(made.radius * (1 + 1e-6))
    bounds = [made.bound(e) for e in np.linspace(0, 3, 50)]
    assert bounds == sorted(bounds)


def test_the_ball_of_a_sample_is_at_most_twice_the_smallest():
    """Against a search over a grid of centres in the plane."""
    rng = np.random.default_rng(1)
    for _ in range(20):
        points = rng.random((15, 2))
        grid = np.stack(np.meshgrid(*2 * [np.linspace(0, 1, 60)]), axis=-1).reshape(-1, 2)
        radii = np.sort(np.linalg.norm(grid[:, None] - points, axis=2), axis=1)[:, 7]
        assert smallest_ball(points, points, 10.0)[1] <= 2 * radii.min()


def lost_mass(method: CenterSmoothing, rng, r: float, *, rank_off: int = 0, n: int = N) -> bool:
    """Whether the ball of the chosen rank around 0 holds less than the mass it stands for, for |N(0, 1)|."""
    mass = method.needed_mass(r)
    ordered = np.sort(np.abs(rng.normal(size=n)))
    return 2 * ndtr(ordered[method.rank(mass, n, ALPHA) - 1 + rank_off]) - 1 < mass


def test_the_balls_mass_is_false_in_at_most_alpha_of_the_draws_and_not_far_less():
    rng, repeats = np.random.default_rng(2), 4000
    for r in (0.1, 0.5, 1.0):
        exact = sum(lost_mass(CenterSmoothing("exact", 0.1), rng, r) for _ in range(repeats))
        assert repeats * ALPHA / 3 < exact <= most_false_claims(repeats, ALPHA)
        paper = sum(lost_mass(CenterSmoothing("hoeffding", 0.1), rng, r) for _ in range(repeats))
        assert paper <= most_false_claims(repeats, ALPHA)


def test_mutants_of_the_rank_are_caught():
    rng, repeats = np.random.default_rng(3), 4000
    method = CenterSmoothing("exact", 0.1)
    one_rank_lower = sum(lost_mass(method, rng, 0.5, rank_off=-3) for _ in range(repeats))
    assert one_rank_lower > most_false_claims(repeats, ALPHA)


def test_half_of_the_outputs_lie_in_a_ball_of_the_margins_mass_and_a_mutant_is_caught():
    rng, repeats, n0 = np.random.default_rng(4), 20_000, 51
    margin, half = least_margin(n0, ALPHA), 26
    missed = int((rng.binomial(n0, 0.5 + margin, size=repeats) < half).sum())
    assert repeats * ALPHA / 3 < missed <= most_false_claims(repeats, ALPHA)
    assert (rng.binomial(n0, 0.5 + 0.8 * margin, size=repeats) < half).sum() > most_false_claims(repeats, ALPHA)


@pytest.mark.parametrize("confidence", ["exact", "hoeffding"])
def test_answers_move_no_further_than_the_bound(confidence):
    """Both prompts are answered as a server would: centre and check from draws of their own."""
    rng, repeats, r = np.random.default_rng(5), 200, 0.4
    method, false, answered = CenterSmoothing(confidence, 0.3), 0, 0
    for _ in range(repeats):
        honest = samples(narrow(rng.normal(size=100)), narrow(rng.normal(size=100)))
        attacked = samples(narrow(rng.normal(r, size=100)), narrow(rng.normal(r, size=100)))
        made = method.certify(honest)
        here, there = (
            method.answer(s.selection, s.certification, alpha=ALPHA, diameter=1.0) for s in (honest, attacked)
        )
        if made.abstained is None and not isinstance(there, str):
            answered += 1
            false += float(np.linalg.norm(here - there)) > made.bound(SIGMA * r)
    assert answered > repeats / 2
    assert false <= most_false_claims(repeats, ALPHA)


def test_a_ball_that_ignores_the_attack_is_caught():
    """The mutant reads R̂ at r = 0, and an attack of six sigmas moves every centre further than 3R̂."""

    def line(u):
        return 0.3 + 0.04 * np.clip(u, -7, 14)

    rng, method = np.random.default_rng(14), CenterSmoothing("exact", 0.3)
    for _ in range(20):
        honest = samples(line(rng.normal(size=100)), line(rng.normal(size=100)))
        attacked = samples(line(rng.normal(6, size=100)), line(rng.normal(6, size=100)))
        made = method.certify(honest)
        here, there = (
            method.answer(s.selection, s.certification, alpha=ALPHA, diameter=1.0) for s in (honest, attacked)
        )
        assert made.bound(1e-9) < np.linalg.norm(here - there) <= made.bound(SIGMA * 6)


def test_with_many_samples_the_ball_is_near_the_true_one():
    rng = np.random.default_rng(6)
    made = CenterSmoothing("exact", 0.05).certify(
        samples(narrow(rng.normal(size=4000)), narrow(rng.normal(size=20_000)), tolerance=0.5)
    )
    true = 0.05 * ndtri((1 + ndtr(ndtri(0.55) + 0.5)) / 2)
    assert 3 * true <= made.bound(SIGMA * 0.5) <= 3.3 * true


def test_an_answer_that_is_no_ball_abstains():
    rng = np.random.default_rng(7)
    spread = np.where(rng.random(400) < 0.4, np.nan, rng.random(400))
    made = center_smoothing(samples(spread[:200], np.where(rng.random(200) < 0.9, np.nan, 0.5)))
    assert made.abstained is not None
    assert (made.radius, made.bound(0.0), made.bound(1e-3)) == (0.0, 0.0, 1.0)
    assert "ask for a margin" in CenterSmoothing("exact", 0.05).certify(samples([0.1] * 20, [0.1] * 20)).abstained


# Majority certificates


def labelled(kept: int, n: int, alpha: float = ALPHA) -> Samples:
    labels = ["yes"] * kept + ["no"] * (n - kept)
    return samples(np.zeros(9), np.zeros(n), labels=(["yes"] * 8 + [None], labels), alpha=alpha)


@pytest.mark.parametrize("n", [10, 100, 500])
def test_a_label_never_lost_has_the_radius_of_the_closed_form(n):
    made = majority(labelled(n, n))
    assert made.radius == pytest.approx(SIGMA * ndtri(ALPHA ** (1 / n)), rel=1e-7)
    assert made.radius <= SIGMA * ndtri(ALPHA ** (1 / n))
    assert (made.bound(0.999 * made.radius), made.bound(made.radius)) == (0, 1)


@pytest.mark.parametrize(("kept", "n"), [(40, 50), (290, 300), (31, 50)])
def test_the_majority_agrees_with_a_sum_in_exact_arithmetic(kept, n):
    """At p_A the tail P(Bin(n, p_A) ≥ kept) is alpha: no larger p_A would hold."""
    made = majority(labelled(kept, n))
    if made.abstained is None:
        p_a = Fraction(float(ndtr(made.radius / SIGMA)))
        assert 1 - cdf(kept - 1, n, p_a) <= Fraction(ALPHA)
        assert 1 - cdf(kept - 1, n, p_a + Fraction(1, 10**6)) > Fraction(ALPHA)
    else:
        assert 1 - cdf(kept - 1, n, Fraction(1, 2)) > Fraction(ALPHA)


def false_majorities(p_a: float, n: int, repeats: int, *, alpha: float = ALPHA) -> int:
    """How often the label would flip within the radius, where the label's true probability is p_a: it does from
    σΦ⁻¹(p_a) on."""
    drawn = np.random.default_rng(8).binomial(n, p_a, size=repeats)
    radii = {int(kept): majority(labelled(int(kept), n, alpha)).radius for kept in np.unique(drawn)}
    return sum(radii[kept] > SIGMA * ndtri(p_a) for kept in drawn.tolist())


def test_the_majority_is_false_in_at_most_alpha_of_the_certificates_and_a_mutant_is_caught():
    repeats = 5000
    for p_a, n in ((0.9, 100), (0.7, 60), (0.99, 300)):
        assert false_majorities(p_a, n, repeats) <= most_false_claims(repeats, ALPHA)
    assert false_majorities(0.9, 100, repeats) > repeats * ALPHA / 3
    assert false_majorities(0.9, 100, repeats, alpha=2.5 * ALPHA) > most_false_claims(repeats, ALPHA)


# The mean of a smoothed generator


def test_the_mean_bound_is_the_closed_form_and_is_attained():
    made = gan_smoothing(samples([0.0], [0.0], tolerance=0.1))
    for r in (0.01, 0.3, 1.0, 3.0):
        closed = 2 * ndtr(r / 2) - 1
        assert closed <= made.bound(SIGMA * r) <= closed * (1 + 2e-8)
    assert made.radius == pytest.approx(SIGMA * 2 * ndtri(0.55), rel=1e-6)
    assert made.bound(made.radius) <= 0.1


@pytest.mark.parametrize("name", GENERATORS)
def test_no_mean_moves_further_than_the_bound(name):
    """Exact means of generators of known law: no draw, so never false."""
    generator, made = GENERATORS[name], gan_smoothing(samples([0.0], [0.0]))
    for r in (0.1, 0.5, 1.0, 2.5):
        for side in (-r, r):
            moved = abs(generator.law(side) @ generator.outputs - generator.law() @ generator.outputs)
            assert moved <= made.bound(SIGMA * r)


def test_the_mean_bound_agrees_with_averages_in_three_dimensions_and_a_mutant_is_caught():
    """Two outputs 1 apart on the sides of a plane half-way: averages of many draws attain the bound."""
    rng, r, n = np.random.default_rng(9), 1.0, 400_000
    here = rng.normal(size=(n, 3))[:, 0] > r / 2
    there = rng.normal(size=(n, 3))[:, 0] + r > r / 2
    moved = there.mean() - here.mean()
    made = gan_smoothing(samples([0.0], [0.0]))
    assert moved == pytest.approx(made.bound(SIGMA * r), abs=0.005)
    assert made.bound(SIGMA * r / 1.1) < moved - 0.005


# The others, and all of them in one form


def test_a_lipschitz_generator_has_tolerance_over_its_constant():
    constant = Lipschitz(2.0, 0.001, (1.0, 2.0), "pixel-rmse")
    made = lipschitz_enforced(constant)(samples([0.0], [0.0], tolerance=0.2))
    assert made.radius == pytest.approx(0.0995, rel=1e-8)
    assert made.bound(0.05) == pytest.approx(0.101, rel=1e-8)
    assert (made.bound(0.0), made.bound(10.0)) == (0.0, 1.0)


def test_no_defence_claims_nothing():
    made = no_defence(samples([0.0], [0.0]))
    assert (made.radius, made.bound(0.0), made.bound(1e-9), made.abstained) == (0.0, 0.0, 1.0, None)


@pytest.mark.parametrize("seed", range(5))
def test_ours_is_never_below_the_bound_of_means(seed):
    """W₁ bounds the mean, and T1, which is the bound of means, is one of ours."""
    rng = np.random.default_rng(seed)
    points = rng.random((200, 2)) * rng.random() / 2
    given = samples(points[:50], points[50:])
    ours, theirs = smoothgen_certificate(given), gan_smoothing(given)
    assert ours.radius >= theirs.radius * (1 - 1e-6)
    for epsilon in (0.0, 0.1, 0.5, 2.0):
        assert ours.bound(epsilon) <= theirs.bound(epsilon) * (1 + 1e-8)


@pytest.mark.parametrize("kept", [300, 290, 200])
def test_the_certificate_of_labels_is_t2_of_two_values(kept):
    """W₁ = D·TV of a label that is lost with probability p̄: at most D·(Φ(Φ⁻¹(p̄) + r) − p̄) while p̄ is small, and never
    above T1. A majority, which claims less, has the larger radius."""
    given = labelled(kept, 300)
    ours, theirs = smoothgen_label_certificate(given), majority(given)
    lost = 1 - float(ndtr(theirs.radius / SIGMA))
    for r in (0.1, 0.4):
        closed = min(ndtr(ndtri(lost) + r) - lost, 2 * ndtr(r / 2) - 1)
        assert ours.bound(SIGMA * r) == pytest.approx(closed, rel=1e-6)
    assert ours.bound(ours.radius) <= given.tolerance
