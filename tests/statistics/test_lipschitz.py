"""T4: W₁ ≤ L·ε + offset. Closed form, an independent distance, validity with it in the certificate, tightness."""

import numpy as np
import pytest
from scipy.stats import wasserstein_distance

from smoothgen import Certificate, Gaussian, Lipschitz, certify, certify_universal
from tests.support.certificates.examples import METRIC
from tests.support.statistics.closed_form import NARROW, TANH, ClosedForm
from tests.support.statistics.validity import most_false_claims

ALPHA, SIGMA = 0.05, 0.5
# Both generators are functions of u = z/σ with a known steepest slope, read in the middle of cells 12/498 wide: off by
# half a cell at most, so two outputs are off by a cell's rise.
CELL = 12 / 498
SHIFTS = np.concatenate((np.geomspace(1e-3, 0.1, 5), np.linspace(0.15, 2.0, 12)))  # in embedding units


def proven(slope_of_u: float) -> Lipschitz:
    """L in embedding units, in two factors, rounded up."""
    factors = (slope_of_u, np.nextafter(1 / SIGMA, 9).item())
    return Lipschitz(factors[0] * factors[1] * (1 + 1e-15), slope_of_u * CELL * 1.01, factors, METRIC)


GENERATORS = {"narrow": (NARROW, proven(0.02)), "tanh": (TANH, proven(1.0))}


def sampled(generator: ClosedForm, rng: np.random.Generator, n: int, **more) -> Certificate:
    made = certify(
        generator.sample_distances(rng, (n,)),
        bound=generator.bound,
        diameter=1.0,
        mechanism=Gaussian(SIGMA),
        alpha=ALPHA,
        tolerance=0.15,
        **more,
    )
    assert isinstance(made, Certificate)
    return made


@pytest.mark.parametrize("name", GENERATORS)
def test_the_exact_distance_is_within_it_at_every_shift(name):
    generator, constant = GENERATORS[name]
    true = np.array([generator.worst_w1(shift / SIGMA) for shift in SHIFTS])
    assert (true <= constant.bounds(SHIFTS)).all()


def test_closed_form():
    """Y = 0.5 + 0.02·u moves by exactly 0.02·ε/σ, which is L·ε."""
    _, constant = GENERATORS["narrow"]
    for shift in SHIFTS:
        exact = 0.02 * shift / SIGMA
        assert exact <= constant.bounds(np.array([shift]))[0] <= exact + 1.02 * 0.02 * CELL


def test_it_agrees_with_distances_between_samples_of_the_same_noise():
    """Slower and independent: scipy's W₁ between outputs with and without the shift, which a coupling on the same noise
    bounds sample by sample."""
    noise = np.random.default_rng(0).standard_normal(20_000)
    for shift in SHIFTS:
        for slope, function in ((0.02, lambda u: 0.5 + 0.02 * u), (1.0, lambda u: 0.5 + 0.5 * np.tanh(2 * u))):
            measured = wasserstein_distance(function(noise), function(noise + shift / SIGMA))
            assert measured <= Lipschitz(2.0001 * slope, 0.0, (slope, 2.0), METRIC).bounds(np.array([shift]))[0]


@pytest.mark.parametrize("name", GENERATORS)
def test_no_bound_of_a_certificate_with_it_is_false_too_often(name):
    generator, constant = GENERATORS[name]
    rng, repeats = np.random.default_rng(3), 1000
    true = np.array([generator.worst_w1(shift / SIGMA) for shift in SHIFTS[::4]])
    false = 0
    for _ in range(repeats):
        made = sampled(generator, rng, 50, lipschitz=constant)
        stated = np.array([made.w1_bound(shift) for shift in SHIFTS[::4]])
        reached = generator.worst_w1(min(made.radius / SIGMA, 12.0))
        false += bool((true > stated + 1e-12).any()) or reached > made.tolerance + 1e-12
    assert false <= most_false_claims(repeats, ALPHA)


def test_a_constant_that_is_too_small_is_caught():
    """What would happen with an estimate: a slope measured where the generator is flat."""
    flat = Lipschitz(0.1, 0.0, (0.1,), METRIC)
    made = sampled(TANH, np.random.default_rng(4), 50, lipschitz=flat)
    assert any(TANH.worst_w1(shift / SIGMA) > made.w1_bound(shift) for shift in SHIFTS)


def test_tightness():
    """Against the truth, and against what samples alone prove: a gentle generator is certified four times further."""
    _, constant = GENERATORS["narrow"]
    exact = 0.02 * SHIFTS / SIGMA
    beyond_offset = SHIFTS > 0.1
    assert (constant.bounds(SHIFTS)[beyond_offset] < 1.2 * exact[beyond_offset]).all()
    with_it = sampled(NARROW, np.random.default_rng(5), 500, lipschitz=constant)
    assert with_it.radius > 4 * sampled(NARROW, np.random.default_rng(5), 500).radius
    universal = certify_universal(
        diameter=1.0, mechanism=Gaussian(SIGMA), alpha=ALPHA, tolerance=0.15, lipschitz=constant
    )
    assert universal.radius == with_it.radius
