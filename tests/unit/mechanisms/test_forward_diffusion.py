"""a·x + b·ξ as a smoothing of x with σ = b/a."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from smoothgen.errors import InvalidSigma
from smoothgen.mechanisms import ForwardDiffusion, mechanism_from_dict
from smoothgen.noise import Seed, Stream, normals

SEED = Seed(7, "server")
WRONG = [0, 0.0, -1.0, math.nan, math.inf, 1e-31, 1e31, 10**400, "1", None, True]
numbers = st.floats(1e-30, 1e30)


@pytest.mark.parametrize("wrong", WRONG, ids=lambda w: repr(w)[:12])
def test_a_part_out_of_range_is_refused_and_named(wrong):
    for name, arguments in (("signal", (wrong, 1.0)), ("noise", (1.0, wrong))):
        with pytest.raises(InvalidSigma, match=f"^{name} must be") as error:
            ForwardDiffusion(*arguments)
        assert repr(wrong) in str(error.value)


@pytest.mark.parametrize(("signal", "noise"), [(1e-10, 1e25), (1e25, 1e-10)])
def test_a_ratio_out_of_range_is_refused(signal, noise):
    with pytest.raises(InvalidSigma, match="noise / signal must be"):
        ForwardDiffusion(signal, noise)
    with pytest.raises(InvalidSigma, match="noise / signal must be"):
        mechanism_from_dict({"name": "forward-diffusion", "signal": signal, "noise": noise})


def test_whole_numbers_are_read_as_numbers():
    assert mechanism_from_dict({"name": "forward-diffusion", "signal": 1, "noise": 2}) == ForwardDiffusion(1.0, 2.0)


@given(signal=numbers, noise=numbers, epsilon=st.floats(0, 1e30), r=st.floats(0, 1e6))
def test_everything_is_on_the_safe_side_of_the_exact_ratio(signal, noise, epsilon, r):
    assume(1e-30 <= noise / signal <= 1e30)
    mechanism, exact = ForwardDiffusion(signal, noise), Fraction(noise) / Fraction(signal)
    assert exact * (1 - Fraction(1, 10**15)) <= Fraction(mechanism.effective_sigma) <= exact
    assert Fraction(mechanism.radius_in_sigmas(epsilon)) >= Fraction(epsilon) / exact
    assert Fraction(mechanism.epsilon(r)) <= Fraction(r) * exact


def test_the_draw_is_on_x_and_the_pipeline_sees_its_own_noise():
    noise = ForwardDiffusion(0.6, 0.8).draw(SEED, Stream.CERTIFICATION, [3, 1], (4, 5))
    for row, index in enumerate((3, 1)):
        seen = 0.6 * noise[row].ravel()
        assert seen == pytest.approx(0.8 * normals(SEED, Stream.CERTIFICATION, index, 20), rel=1e-15)


def test_samples_are_independent_and_have_the_standard_deviation():
    """Within five standard errors."""
    n = 20_000
    noise = ForwardDiffusion(0.6, 0.8).draw(SEED, Stream.CERTIFICATION, range(4), (n,))
    assert noise.std(axis=1) * 0.6 / 0.8 == pytest.approx(1, abs=5 / math.sqrt(2 * n))
    assert (np.abs(np.corrcoef(noise)[np.triu_indices(4, k=1)]) < 5 / math.sqrt(n)).all()


@pytest.mark.parametrize(
    ("signal", "noise", "said"), [(0.6, 0.8, "1.33333"), (1.0, 14.6146, "14.6145"), (0.9, 0.6, "0.666666")]
)
def test_the_remark_says_a_sigma_that_is_not_too_large(signal, noise, said):
    assert f"of sigma {said} on the latent." in ForwardDiffusion(signal, noise).remark
