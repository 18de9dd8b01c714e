"""Why σ(x) = budget/s(x), read at the prompt, is no certificate: a generator on which it is false, and ours are not.

G rises gently around the prompt and steeply a little to the right of it, and puts out half as much again where |z| > 1.
At the prompt s = 0.08 and σ = 1: a third of the outputs lie beyond 1. A tenth further s = 0.8 and σ = 0.1: none does.
The naive certificate compares the outputs at σ = 1 with the outputs at σ = 1.
"""

import numpy as np
import pytest
from scipy.special import ndtri

from smoothgen import (
    Abstention,
    Certificate,
    Gaussian,
    SigmaGrid,
    SigmaSelection,
    certify,
    certify_universal,
    select_sigma,
)
from smoothgen.certificates import selection_alpha
from tests.support.statistics.validity import most_false_claims

BUDGET, ATTACK, ALPHA, TOLERANCE = 0.08, 0.1, 0.001, 0.1
EDGES = np.array([-2.5, 0.05, 0.15, 2.5])  # of the pieces' slopes
SLOPES = np.array([0.0, 0.08, 0.8, 0.08, 0.0])
GRID = SigmaGrid(1.0, -8, 4)
NOISE = ndtri((np.arange(200_000) + 0.5) / 200_000)
"""Quantiles of u, so that a mean over them is an integral to five digits."""


def generate(z):
    """G(z) in [0, 1]: a continuous rise, and a step at |z| = 1."""
    rise = np.interp(z, EDGES, np.concatenate(([0.0], np.cumsum(SLOPES[1:4] * np.diff(EDGES)))))
    return rise + 0.5 * (np.abs(z) > 1)


def sensitivity(z):
    """‖∇G(z)‖, exactly."""
    return SLOPES[np.searchsorted(EDGES, z)]


def naive_sigma(x: float) -> float:
    """The formula as it is written."""
    return BUDGET / float(sensitivity(np.array(x)))


def true_w1(x: float, sigma: float, attacked_x: float, attacked_sigma: float) -> float:
    """W₁ between the outputs of the two requests, each at the level it is really served at: on the line, the area
    between the quantile functions."""
    return float(
        np.mean(np.abs(np.sort(generate(x + sigma * NOISE)) - np.sort(generate(attacked_x + attacked_sigma * NOISE))))
    )


def certified(sigma: float, seed: int = 0, **more) -> Certificate:
    """500 samples at the prompt, which lies at 0, around the median of others."""
    rng = np.random.default_rng(seed)
    centre = float(np.median(generate(sigma * rng.standard_normal(32))))
    made = certify(
        np.abs(generate(sigma * rng.standard_normal(500)) - centre),
        bound=max(centre, 1 - centre),
        diameter=1.0,
        mechanism=Gaussian(sigma),
        alpha=ALPHA,
        tolerance=TOLERANCE,
        **more,
    )
    assert isinstance(made, Certificate)
    return made


def select(x: float, rng: np.random.Generator, m: int = 128) -> SigmaSelection | Abstention:
    """Form (b) at a prompt: the median sensitivity of its noisy copies."""
    drawn = sensitivity(x + GRID.base * rng.standard_normal(m))
    return select_sigma(drawn, budget=BUDGET, grid=GRID, selection_sigma=GRID.base, alpha=selection_alpha(ALPHA))


def test_the_generator_is_what_it_says():
    z = np.linspace(-0.99, 0.99, 2001)
    slopes = np.diff(generate(z)) / np.diff(z)
    away = np.min(np.abs(z[:-1, None] - EDGES), axis=1) > 0.002
    assert np.allclose(slopes[away], sensitivity(z[:-1])[away])
    assert generate(np.array([-9.0, 9.0])).tolist() == pytest.approx([0.5, 0.972])


def test_the_naive_certificate_is_false():
    """Not by bad luck: it is false by four times what it states, and so is its bound that needs no samples."""
    honest, attacked = naive_sigma(0.0), naive_sigma(ATTACK)
    assert honest == pytest.approx(1.0)
    assert attacked == pytest.approx(0.1)
    true = true_w1(0.0, honest, ATTACK, attacked)
    naive = [certified(honest, seed) for seed in range(20)]
    assert all(made.radius > ATTACK for made in naive)
    assert all(true > 4 * made.w1_bound(ATTACK) for made in naive)
    assert true > 1.5 * TOLERANCE
    universal = certify_universal(diameter=1.0, mechanism=Gaussian(honest), alpha=ALPHA, tolerance=TOLERANCE)
    assert true > 3 * universal.w1_bound(ATTACK)


def test_one_sigma_for_all_prompts_holds():
    """Form (a): the attacked prompt is served at the same level, whichever it is."""
    for sigma in GRID.levels:
        made = certified(sigma)
        for shift in np.linspace(-made.radius, made.radius, 9):
            assert true_w1(0.0, sigma, float(shift), sigma) <= made.w1_bound(abs(float(shift))) + 1e-5
        assert made.radius > 0


def test_a_certified_selection_holds_and_covers_the_attack():
    """Form (b), on the same generator and the same attack: the level stays, and the bound is true."""
    chosen = select(0.0, np.random.default_rng(1))
    assert isinstance(chosen, SigmaSelection)
    made = certified(chosen.sigma, sigma_selection=chosen)
    assert made.radius > ATTACK
    for shift in np.linspace(-made.radius, made.radius, 9):
        true = true_w1(0.0, chosen.sigma, float(shift), chosen.sigma)
        assert true <= made.w1_bound(abs(float(shift))) + 1e-5
    assert true_w1(0.0, chosen.sigma, ATTACK, chosen.sigma) < TOLERANCE


def test_attacked_requests_are_really_served_at_the_level_that_was_certified():
    rng, repeats, alpha = np.random.default_rng(2), 1000, selection_alpha(ALPHA)
    chosen = select(0.0, rng)
    assert isinstance(chosen, SigmaSelection)
    # Near the radius many abstain; within the attack above hardly any does.
    for shift, at_least in ((ATTACK, 0.99), (-ATTACK, 0.99), (chosen.radius, 0.1), (-chosen.radius, 0.1)):
        served = [select(shift, rng) for _ in range(repeats)]
        placed = [s.sigma for s in served if isinstance(s, SigmaSelection)]
        assert len(placed) > at_least * repeats
        assert sum(sigma != chosen.sigma for sigma in placed) <= most_false_claims(repeats, alpha)


def test_the_selection_says_how_far_it_goes():
    """Far enough away the prompt is another: there it claims nothing."""
    chosen = select(0.0, np.random.default_rng(1))
    assert isinstance(chosen, SigmaSelection)
    made = certified(chosen.sigma, sigma_selection=chosen)
    assert made.w1_bound(1.001 * chosen.radius) == 1.0
