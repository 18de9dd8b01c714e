"""A bound that is always huge is valid and useless: how far above the truth do the certified numbers lie?"""

import numpy as np
import pytest

from smoothgen import Certificate, Gaussian, certify
from tests.support.statistics.closed_form import TANH, THREE_VALUED, ClosedForm

ALPHA = 1e-3


def certified(generator: ClosedForm, n: int, seed: int) -> Certificate:
    """Centre from selection samples (their mean), certificate from other samples."""
    rng = np.random.default_rng(seed)
    law = generator.law()
    selection = rng.choice(generator.outputs, size=200, p=law / law.sum())
    certification = rng.choice(generator.outputs, size=n, p=law / law.sum())
    centre = float(selection.mean())
    made = certify(
        np.abs(certification - centre),
        bound=max(centre, 1 - centre),
        diameter=1.0,
        mechanism=Gaussian(1.0),
        alpha=ALPHA,
        tolerance=0.1,
    )
    assert isinstance(made, Certificate)
    return made


@pytest.mark.parametrize("r", [0.05, 0.1, 0.25, 0.5, 0.75, 1.0])
@pytest.mark.parametrize("generator", [TANH, THREE_VALUED], ids=["tanh", "three-valued"])
def test_with_many_samples_the_bound_is_within_a_fifth_of_the_truth(generator, r):
    true = generator.worst_w1(r)
    for seed in range(3):
        bound = certified(generator, 20_000, seed).w1_bound(r)
        assert true <= bound <= 1.2 * true, bound / true


def test_five_hundred_concentrated_outputs():
    """Distances of a twentieth of the diameter, r = 0.5: the universal bound is 0.197 of the diameter."""
    made = certify(np.full(500, 0.05), bound=1.0, diameter=1.0, mechanism=Gaussian(1.0), alpha=ALPHA, tolerance=0.1)
    assert made.w1_bound(0.5) <= 0.055
    assert made.universal_w1_bound(0.5) >= 0.19
    spread = 0.05 * np.random.default_rng(0).random(500)
    made = certify(spread, bound=1.0, diameter=1.0, mechanism=Gaussian(1.0), alpha=ALPHA, tolerance=0.1)
    assert made.w1_bound(0.5) <= 0.055


def test_the_radius_is_near_the_true_one():
    """The largest r whose true W₁ is at most 0.1, against the certified one."""
    norms = np.linspace(0.01, 1, 500)
    for generator in (TANH, THREE_VALUED):
        true = norms[np.searchsorted([generator.worst_w1(r) for r in norms], 0.1) - 1]
        assert 0.8 * true <= certified(generator, 20_000, 0).radius <= true + 0.002


def test_more_samples_make_a_tighter_bound():
    bounds = [np.mean([certified(TANH, n, seed).w1_bound(0.5) for seed in range(5)]) for n in (100, 500, 5000, 50_000)]
    assert bounds == sorted(bounds, reverse=True)


def test_a_label_that_is_never_lost_stays_nearly_surely():
    made = certify(
        np.zeros(500),
        bound=1.0,
        diameter=1.0,
        mechanism=Gaussian(1.0),
        alpha=ALPHA,
        tolerance=0.1,
        band="two-valued/v1",
    )
    # 1 − Φ(Φ⁻¹(1 − 0.001^(1/500)) + 0.5), by hand: p̄ = 0.013721, Φ⁻¹ = −2.2061, Φ(−1.7061) = 0.0440.
    assert dict(made.claims.stays)[0.0] == pytest.approx(0.98628, abs=1e-5)
    assert 1 - made.exceedance(0.5, 0.0) == pytest.approx(0.9560, abs=2e-4)
