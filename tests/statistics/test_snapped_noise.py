"""Noise followed by a token snap, in a world where the law under every attack is known: two tokens on a line of rows.

The model says a number in [0, 1] that depends on both tokens, in no order. Cells are intervals, so the law of the
output at x + δ is a product of differences of Φ, and W₁ between two laws an integral over the line.
"""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import ndtr

from smoothgen import Certificate, Gaussian, certify
from smoothgen.noise import Seed, Stream
from smoothgen.tokens import TokenTable
from tests.support.statistics.validity import most_false_claims

ALPHA, REPEATS, SAMPLES = 0.05, 100, 400
DIRECTIONS = 24


class Line:
    """A table of rows on a line, a prompt of two of them, and a model of all pairs."""

    def __init__(self, seed: int, sigma: float) -> None:
        rng = np.random.default_rng(seed)
        self.rows = np.sort(rng.normal(size=7)).astype(np.float32)[rng.permutation(7)]
        self.table = TokenTable(self.rows[:, None])
        self.model = rng.choice([0.0, 0.1, 0.4, 1.0], size=(7, 7))
        self.x = self.rows[rng.integers(7, size=2)].astype(np.float64)
        self.mechanism = Gaussian(sigma)

    def outputs(self, seed: int) -> NDArray[np.float64]:
        """Returns the outputs of samples as a worker makes them: noise on the public grid, then the snap."""
        noise = self.mechanism.draw(Seed.from_client(seed), Stream.CERTIFICATION, range(SAMPLES), (2, 1))
        noisy = self.mechanism.noisy(self.x[:, None], noise)
        ids = self.table.snap(noisy.reshape(-1, 1)).reshape(-1, 2)
        found: NDArray[np.float64] = self.model[ids[:, 0], ids[:, 1]]
        return found

    def law(self, delta: NDArray[np.float64]) -> NDArray[np.float64]:
        """Returns the chance of every pair of tokens under an attack δ, shape (7, 7)."""
        order = np.argsort(self.rows)
        ends = np.concatenate([[-np.inf], (self.rows[order][1:] + self.rows[order][:-1]) / 2, [np.inf]])
        cells = np.empty((2, 7))
        for k, at in enumerate(self.x + delta):
            cells[k, order] = np.diff(ndtr((ends - at) / self.mechanism.sigma))
        return np.outer(cells[0], cells[1])

    def w1(self, delta: NDArray[np.float64]) -> float:
        """Returns the true W₁ between the laws of the output with and without an attack."""
        values = np.unique(self.model)
        moved = self.law(delta) - self.law(np.zeros(2))
        cdf = [moved[self.model <= value].sum() for value in values[:-1]]
        return float(np.abs(cdf) @ np.diff(values))

    def worst(self, epsilon: float) -> float:
        """Returns the largest W₁ over attacks of this norm in many directions."""
        angles = np.linspace(0, 2 * np.pi, DIRECTIONS, endpoint=False)
        return max(self.w1(epsilon * np.array([np.cos(a), np.sin(a)])) for a in angles)


def certified(world: Line, seed: int) -> Certificate:
    distances = np.abs(world.outputs(seed) - 0.1)  # a centre that no sample chose
    found = certify(
        distances,
        bound=0.9,
        diameter=1.0,
        mechanism=world.mechanism,
        alpha=ALPHA,
        tolerance=0.2,
        rounding_slack=world.mechanism.rounding_slack(2),
    )
    assert isinstance(found, Certificate)
    return found


@pytest.mark.parametrize("sigma", [0.15, 0.5])
def test_bounds_hold_against_the_true_laws_under_attack(sigma: float) -> None:
    """Every bound of a certificate, against brute force; a wrong band is counted as alpha allows."""
    false, radii = 0, []
    for seed in range(REPEATS):
        world = Line(seed % 10, sigma)
        certificate = certified(world, seed)
        radii.append(certificate.claims.radius)
        claimed = [*certificate.claims.curve[::8], (certificate.claims.radius, 0.2)]
        false += any(world.worst(epsilon) > bound + 1e-12 for epsilon, bound in claimed)
    assert false <= most_false_claims(REPEATS, ALPHA)
    assert min(radii) > 0


def test_the_samples_have_the_law_that_is_computed() -> None:
    world = Line(3, 0.5)
    outputs = np.concatenate([world.outputs(seed) for seed in range(20)])
    law = world.law(np.zeros(2))
    for value in np.unique(world.model):
        expected = law[world.model == value].sum()
        assert abs((outputs == value).mean() - expected) < 5 * np.sqrt(expected / len(outputs)) + 1e-3


def test_attacks_do_move_these_laws() -> None:
    """Brute force that found no shift would have shown nothing."""
    assert sum(Line(seed, 0.15).worst(0.3) > 0.1 for seed in range(10)) >= 5
