"""Noise on the public grid: the proven distance from ideal noise, by counting cells, and the attack it takes away."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from smoothgen.mechanisms import (
    ForwardDiffusion,
    Gaussian,
    GaussianPerStep,
    LatentSchedule,
    Mechanism,
    Shape,
    ShapedGaussian,
    SynonymClasses,
)
from smoothgen.mechanisms.grid import grid_step, on_grid, slack_per_number
from smoothgen.noise import Seed, Stream
from tests.support.statistics import high_precision

Array = NDArray[np.float64]
SEED = Seed(3, "client")
SHAPE = Shape.of("some", np.array([[1.0, 0, 0], [0.4, 0.7, 0], [-0.2, 0.3, 1.4]]))
MECHANISMS = [
    Gaussian(0.3),
    GaussianPerStep(0.3, 4),
    LatentSchedule(0.3, 4),
    ForwardDiffusion(0.9, 0.4),
    ShapedGaussian(0.3, SHAPE),
    SynonymClasses("words", "1", "sha256:" + "0" * 64, Gaussian(0.3)),
]


# The proof's constants, on noise coarse enough for every value of it to be counted.


def counted(bits: int, s: float, f: float, error: float, rng: np.random.Generator) -> float:
    """The exact total variation between ideal noise, rounded, and noise of 2^bits values whose position in the grid is
    off by up to ±error, in grid steps, where that does most harm: σ = s steps, x = f steps."""
    u = (np.arange(2**bits) + 0.5) * 2.0**-bits
    position = f + s * ndtri(u)
    edge = np.floor(position) + 0.5
    # Up over every other edge and down over those between: every other cell gains on both its sides.
    upwards = edge % 2 < 1
    pushed = np.where(upwards == (position < edge), np.sign(edge - position) * error, rng.uniform(-1e-9, 1e-9, len(u)))
    cells = np.rint(position + pushed).astype(int)
    low, high = cells.min() - 1, cells.max() + 1
    counts = np.bincount(cells - low, minlength=high - low + 1) * 2.0**-bits
    edges = (np.arange(low, high + 2) - 0.5 - f) / s
    ideal = np.diff(ndtr(edges))
    return float((np.abs(counts - ideal).sum() + ndtr(edges[0]) + ndtr(-edges[-1])) / 2)


def proven(bits: int, s: float, error: float) -> float:
    """The proof's bound for noise of 2^bits values: its constant 17 is 2·Φ⁻¹(1 − 2⁻⁵³) rounded up."""
    furthest = float(-ndtri(2.0 ** -(bits + 1)))
    return (2 * furthest * s + 3) * 2.0 ** -(bits + 1) + error * (1 + 0.4 / s)


@pytest.mark.parametrize("error", [0.0, 1e-4, 3e-3])
@pytest.mark.parametrize("s", [8.0, 50.3, 128.0])
@pytest.mark.parametrize("bits", [14, 18, 21])
def test_the_distance_from_ideal_noise_is_at_most_what_is_proven(bits: int, s: float, error: float) -> None:
    rng = np.random.default_rng(bits)
    found = max(counted(bits, s, f, error, rng) for f in (0.0, 0.5, 0.123, -0.377))
    assert found <= proven(bits, s, error)
    assert found >= proven(bits, s, error) / 12  # the bound is no other order of magnitude


def test_one_value_too_few_in_the_bound_is_noticed() -> None:
    """The mutant that counts the noise's values once and forgets what errors carry over the edges."""
    rng = np.random.default_rng(0)
    assert counted(21, 50.3, 0.123, 3e-3, rng) > proven(21, 50.3, 0.0)


def test_the_constants_of_the_noise_that_is_served() -> None:
    assert 2 * float(-ndtri(2.0**-53)) < 17
    for sigma in (0.02, 0.2, 0.25, 0.3, 1.0, 1.99, 1e-30, 1e30):
        step = grid_step(sigma)
        assert np.frexp(step)[0] == 0.5  # a power of two
        assert 2**15 < sigma / step <= 2**16
        assert 1e-10 < slack_per_number(sigma) < 3e-10


def test_the_quantile_function_is_as_exact_as_the_proof_takes_it_to_be() -> None:
    rng = np.random.default_rng(0)
    spread = np.concatenate([2.0 ** rng.uniform(0, 51, 200), 2.0**52 - 2.0 ** rng.uniform(0, 51, 200)])
    values = [*spread.astype(int).tolist(), *(2**51 + rng.integers(-(2**20), 2**20, 100)).tolist(), 0, 2**52 - 1]
    with mp.workdps(high_precision.DIGITS):
        for k in values:
            computed, exact = mp.mpf(float(ndtri((k + 0.5) * 2.0**-52))), mp.mpf(2 * k + 1) / mp.mpf(2) ** 53
            root = computed
            for _ in range(3):
                root -= (mp.ncdf(root) - exact) / mp.npdf(root)
            assert abs(computed - root) <= mp.mpf("1e-15") * abs(root)


# What a generator receives.


def received(mechanism: Mechanism, x: Array, indices: range) -> Array:
    return mechanism.noisy(x, mechanism.draw(SEED, Stream.CERTIFICATION, indices, x.shape))


@pytest.mark.parametrize("mechanism", MECHANISMS, ids=lambda m: m.name)
def test_what_is_received_is_a_public_grid_whatever_x_is(mechanism: Mechanism) -> None:
    rng = np.random.default_rng(1)
    for x in (rng.standard_normal(3), rng.standard_normal(3).astype(np.float32), np.array([1e-9, 7.0, 1.0 / 3])):
        noisy = received(mechanism, x, range(50))
        plain = SHAPE.whitened(noisy.T).T if isinstance(mechanism, ShapedGaussian) else noisy
        level = mechanism.drawn_sigma if hasattr(mechanism, "drawn_sigma") else 0.3
        points = plain / grid_step(level)
        assert np.allclose(points, np.rint(points), rtol=0, atol=1e-6 if isinstance(mechanism, ShapedGaussian) else 0)
        assert np.abs(noisy - x).max() < 8 * 3
        assert 0 < mechanism.rounding_slack(3) < 1e-8
    assert received(mechanism, np.zeros(3), range(2)).shape == (2, 3)


@pytest.mark.parametrize("x", [0.1, -3.7, 12345.678, 1e9])
def test_the_rounding_error_does_not_grow_with_x(x: float) -> None:
    """Against exact arithmetic: the grid point nearest to x + noise, for an x far larger than the noise."""
    noise = Gaussian(0.3).draw(SEED, Stream.SELECTION, range(200), (1,))
    step = mp.mpf(grid_step(0.3))
    for n, computed in zip(noise[:, 0].tolist(), on_grid(np.array([x]), noise, 0.3)[:, 0].tolist(), strict=True):
        assert abs(mp.mpf(computed) - (mp.mpf(x) + mp.mpf(n))) <= step / 2 * (1 + mp.mpf("1e-9"))


# The attack (after Jin, Ohrimenko & Rubinstein 2022): a generator that knows which sums the noise makes of x₀.


def off_the_lattice(z: Array, x0: float) -> Array:
    """1 where z is none of the doubles x₀ + Φ⁻¹((k + ½)·2⁻⁵²), 0 where it is one: as a generator's weights may hold."""
    near = np.rint(ndtr(z - x0) * 2.0**52 - 0.5)
    hit = np.zeros(z.shape, bool)
    for step in range(-6, 7):
        k = np.clip(near + step, 0, 2.0**52 - 1)
        hit |= x0 + ndtri((k + 0.5) * 2.0**-52) == z
    return np.where(hit, 0.0, 1.0)


@pytest.mark.parametrize("x0", [0.5, 0.1, 0.02, 0.001])
@pytest.mark.parametrize("delta", [1e-6, 1e-3])
def test_the_lattice_tells_two_prompts_apart_in_the_bare_sum_and_not_on_the_grid(x0: float, delta: float) -> None:
    count, mechanism = 100_000, Gaussian(1.0)
    x, y = float(np.float32(x0)), float(np.float32(np.float32(x0) + np.float32(delta)))
    noise, other = (mechanism.draw(SEED, s, range(count), (1,)) for s in (Stream.SELECTION, Stream.CERTIFICATION))
    honest, attacked = off_the_lattice(x + noise, x).mean(), off_the_lattice(y + other, x).mean()
    assert attacked - honest > 0.25  # where the certificate would allow 4·10⁻⁷ and 4·10⁻⁴
    honest, attacked = (
        off_the_lattice(mechanism.noisy(np.array([at]), drawn), x).mean() for at, drawn in ((x, noise), (y, other))
    )
    # Both are shares of 100,000 independent draws; what is certified is far below their error.
    assert abs(attacked - honest) < 5 * np.sqrt(0.5 / count)
