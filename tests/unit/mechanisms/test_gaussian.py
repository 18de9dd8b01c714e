"""The Gaussian mechanism: its draw, its r, its JSON form."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smoothgen.errors import InvalidCertificate, InvalidEpsilon, InvalidSigma, UnknownName
from smoothgen.mechanisms import Gaussian, Mechanism, mechanism_from_dict
from smoothgen.noise import Seed, Stream, normals

SEED = Seed(42, "server")
sigmas = st.floats(1e-30, 1e30)


def test_it_is_a_mechanism():
    assert isinstance(Gaussian(0.5), Mechanism)
    assert Gaussian(0.5).name == "gaussian"


def test_rows_are_sigma_times_the_samples_own_normals():
    noise = Gaussian(0.5).draw(SEED, Stream.CERTIFICATION, [3, 1], (4, 5))
    assert noise.shape == (2, 4, 5)
    assert noise.dtype == np.float64
    expected = (0.5 * normals(SEED, Stream.CERTIFICATION, 3, 20)).reshape(4, 5)
    assert np.array_equal(noise[0], expected)


@pytest.mark.parametrize("batch", [1, 3, 64])
def test_batches_draw_the_same_noise(batch):
    gaussian, indices = Gaussian(0.7), list(range(64))
    whole = gaussian.draw(SEED, Stream.CERTIFICATION, indices, (16,))
    parts = [gaussian.draw(SEED, Stream.CERTIFICATION, indices[k : k + batch], (16,)) for k in range(0, 64, batch)]
    assert np.array_equal(np.concatenate(parts), whole)


def test_numpy_indices_draw_the_same_noise():
    gaussian = Gaussian(0.7)
    from_array = gaussian.draw(SEED, Stream.SELECTION, np.arange(5), (3,))
    assert np.array_equal(from_array, gaussian.draw(SEED, Stream.SELECTION, range(5), (3,)))
    assert len(np.unique(from_array)) == 15


def test_no_samples_give_an_empty_array():
    assert Gaussian(1.0).draw(SEED, Stream.SELECTION, [], (3, 2)).shape == (0, 3, 2)


@given(sigma=sigmas, epsilon=st.floats(0, 1e30))
def test_r_is_at_least_epsilon_over_sigma(sigma, epsilon):
    assert Fraction(epsilon) / Fraction(sigma) <= Gaussian(sigma).radius_in_sigmas(epsilon)  # exact, r = inf included


@given(sigma=sigmas, r=st.floats(0, 1e6))
def test_epsilon_is_at_most_r_sigmas(sigma, r):
    assert 0 <= Fraction(Gaussian(sigma).epsilon(r)) <= Fraction(r) * Fraction(sigma)


def test_zero_is_exact():
    assert Gaussian(0.5).radius_in_sigmas(0) == 0.0
    assert Gaussian(0.5).epsilon(0) == 0.0


@pytest.mark.parametrize("sigma", [0, -1.0, math.nan, math.inf, 1e-31, 1e31, "1", None, True])
def test_a_sigma_out_of_range_is_refused_and_named(sigma):
    with pytest.raises(InvalidSigma, match="sigma must be") as error:
        Gaussian(sigma)
    assert repr(sigma) in str(error.value)


@pytest.mark.parametrize("epsilon", [-1e-9, math.nan, math.inf])
def test_an_epsilon_out_of_range_is_refused_and_named(epsilon):
    with pytest.raises(InvalidEpsilon, match=repr(epsilon)):
        Gaussian(1.0).radius_in_sigmas(epsilon)


def test_json_round_trip():
    assert mechanism_from_dict(Gaussian(0.25).to_dict()) == Gaussian(0.25)
    assert mechanism_from_dict({"name": "gaussian", "sigma": 1}) == Gaussian(1.0)


@pytest.mark.parametrize(
    "document",
    [
        {"name": "gaussian"},
        {"name": "gaussian", "sigma": "1"},
        {"name": "gaussian", "sigma": True},
        {"name": "gaussian", "sigma": 1.0, "extra": 1},
    ],
)
def test_a_foreign_document_is_refused(document):
    with pytest.raises(InvalidCertificate, match="sigma"):
        mechanism_from_dict(document)


@pytest.mark.parametrize("document", [{}, {"name": "laplace"}, {"name": ["gaussian"]}])
def test_an_unknown_mechanism_lists_the_known_ones(document):
    with pytest.raises(UnknownName, match=r"known: forward-diffusion, gaussian, .*latent-schedule"):
        mechanism_from_dict(document)
