"""What all mechanisms promise: the same noise in any batch, r and epsilon on their safe sides, one JSON form."""

import json
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smoothgen.errors import InvalidCertificate, InvalidEpsilon
from smoothgen.mechanisms import (
    ForwardDiffusion,
    Gaussian,
    GaussianPerStep,
    LatentSchedule,
    Mechanism,
    mechanism_from_dict,
)
from smoothgen.noise import Seed, Stream

SEED = Seed(2024, "server")
MECHANISMS = [Gaussian(0.7), GaussianPerStep(0.7, 5), LatentSchedule(0.7, 5), ForwardDiffusion(0.6, 0.8)]
every = pytest.mark.parametrize("mechanism", MECHANISMS, ids=lambda m: m.name)


def blocks(mechanism) -> tuple[int, ...]:
    """The axis of denoising steps, where there is one."""
    return (mechanism.steps,) if hasattr(mechanism, "steps") else ()


@every
def test_it_is_a_mechanism(mechanism):
    assert isinstance(mechanism, Mechanism)


@pytest.mark.parametrize("mechanism", [m for m in MECHANISMS if not isinstance(m, Gaussian)], ids=lambda m: m.name)
def test_a_remark_on_what_is_unusual_is_a_sentence(mechanism):
    assert mechanism.remark.endswith(".")


def test_nothing_is_unusual_about_plain_noise():
    assert Gaussian(0.7).remark is None


@every
def test_the_json_form_reads_back_as_the_same_mechanism(mechanism):
    assert mechanism_from_dict(mechanism.to_dict()) == mechanism
    assert mechanism_from_dict(json.loads(json.dumps(mechanism.to_dict()))) == mechanism
    assert type(mechanism).from_dict(mechanism.to_dict()) == mechanism


@every
@pytest.mark.parametrize("wrong", [None, "1", True, [1.0], {"value": 1.0}, 10**400], ids=lambda w: repr(w)[:12])
def test_an_ill_typed_field_is_refused_and_named(mechanism, wrong):
    for name in set(mechanism.to_dict()) - {"name"}:
        # 10**400 is a whole number, and refused for its size where whole numbers belong.
        if name == "steps" and wrong == 10**400:
            continue
        with pytest.raises(InvalidCertificate, match=name):
            mechanism_from_dict({**mechanism.to_dict(), name: wrong})


@every
def test_a_missing_or_foreign_field_is_refused(mechanism):
    whole = mechanism.to_dict()
    for name in set(whole) - {"name"}:
        with pytest.raises(InvalidCertificate, match=name):
            mechanism_from_dict({key: value for key, value in whole.items() if key != name})
    with pytest.raises(InvalidCertificate, match="surprise"):
        mechanism_from_dict({**whole, "surprise": 1})


@every
@pytest.mark.parametrize("shape", [(), (3,), (4, 2, 3)])
def test_shapes(mechanism, shape):
    for indices in ([], [7], [3, 1, 2]):
        noise = mechanism.draw(SEED, Stream.CERTIFICATION, indices, shape)
        assert noise.shape == (len(indices), *blocks(mechanism), *shape)
        assert noise.dtype == np.float64


@every
@pytest.mark.parametrize("batch", [1, 3, 20])
def test_batches_draw_the_same_noise(mechanism, batch):
    indices = list(range(20))
    whole = mechanism.draw(SEED, Stream.CERTIFICATION, indices, (2, 3))
    parts = [mechanism.draw(SEED, Stream.CERTIFICATION, indices[k : k + batch], (2, 3)) for k in range(0, 20, batch)]
    assert np.array_equal(np.concatenate(parts), whole)


@every
def test_the_noise_is_a_function_of_seed_stream_and_index(mechanism):
    indices = [4, 0, 4]
    noise = mechanism.draw(SEED, Stream.SELECTION, indices, (5,))
    assert np.array_equal(noise[0], noise[2])
    assert np.array_equal(noise[[1]], mechanism.draw(SEED, Stream.SELECTION, np.arange(1), (5,)))
    others = [
        mechanism.draw(Seed(2025, "server"), Stream.SELECTION, indices, (5,)),
        mechanism.draw(SEED, Stream.CERTIFICATION, indices, (5,)),
        mechanism.draw(SEED, Stream.SELECTION, [5, 6, 7], (5,)),
    ]
    for other in others:
        assert not np.intersect1d(noise, other).size


@every
def test_zero_is_exact(mechanism):
    assert mechanism.radius_in_sigmas(0) == 0.0
    assert mechanism.epsilon(0) == 0.0


@every
@pytest.mark.parametrize("epsilon", [-1e-9, math.nan, math.inf])
def test_an_epsilon_out_of_range_is_refused_and_named(mechanism, epsilon):
    with pytest.raises(InvalidEpsilon, match=repr(epsilon)):
        mechanism.radius_in_sigmas(epsilon)


@every
@given(epsilon=st.floats(0, 1e30), r=st.floats(0, 1e6))
def test_r_and_epsilon_are_on_the_safe_side_of_the_effective_sigma(mechanism, epsilon, r):
    sigma = Fraction(mechanism.effective_sigma)
    assert Fraction(mechanism.radius_in_sigmas(epsilon)) >= Fraction(epsilon) / sigma
    assert 0 <= Fraction(mechanism.epsilon(r)) <= Fraction(r) * sigma


@every
@given(epsilon=st.floats(1e-30, 1e30))
def test_there_and_back_is_the_same_number_within_the_rounding(mechanism, epsilon):
    """Not always below it: r was rounded up first, and up to it an attack may have this r."""
    again = mechanism.epsilon(mechanism.radius_in_sigmas(epsilon))
    assert epsilon * (1 - 1e-15) <= again <= epsilon * (1 + 1e-15)
