"""The two schedules σ_t = β√(t/T): their levels, their independence, and the σ each protects like."""

import math
from fractions import Fraction
from functools import cache

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smoothgen.errors import InvalidCertificate, InvalidParameters, InvalidSigma
from smoothgen.mechanisms import Gaussian, GaussianPerStep, LatentSchedule, mechanism_from_dict
from smoothgen.noise import Seed, Stream, normals

SEED = Seed(7, "server")
both = pytest.mark.parametrize("schedule", [GaussianPerStep, LatentSchedule], ids=lambda s: s.name)
betas = st.floats(1e-30, 1e30)


@cache
def steps_times_harmonic(steps: int) -> Fraction:
    """T·H_T, exactly."""
    terms = [Fraction(steps, t) for t in range(1, steps + 1)]
    while len(terms) > 1:  # in pairs, so that the large denominators meet only at the end
        terms = [sum(terms[k : k + 2], Fraction(0)) for k in range(0, len(terms), 2)]
    return terms[0]


@both
@pytest.mark.parametrize("beta", [0, 0.0, -1.0, math.nan, math.inf, -math.inf, 1e-31, 1e31, 10**400, "1", None, True])
def test_a_beta_out_of_range_is_refused_and_named(schedule, beta):
    with pytest.raises(InvalidSigma, match="beta must be") as error:
        schedule(beta, 5)
    assert repr(beta) in str(error.value)


@both
@pytest.mark.parametrize("steps", [0, -1, 10_001, 1.5, 5.0, True, math.nan, "5", None, np.int64(5)])
def test_steps_out_of_range_are_refused_and_named(schedule, steps):
    with pytest.raises(InvalidParameters, match="steps must be") as error:
        schedule(1.0, steps)
    assert repr(steps) in str(error.value)


@both
@pytest.mark.parametrize("steps", [0, 10_001, 10**400])
def test_a_document_with_steps_out_of_range_is_refused_the_same_way(schedule, steps):
    with pytest.raises(InvalidParameters, match="steps must be"):
        mechanism_from_dict({"name": schedule.name, "beta": 1.0, "steps": steps})
    with pytest.raises(InvalidSigma, match="beta must be"):
        mechanism_from_dict({"name": schedule.name, "beta": 0.0, "steps": 5})


@both
@pytest.mark.parametrize("steps", [1.5, 5.0])
def test_a_document_with_a_fraction_of_a_step_is_refused(schedule, steps):
    with pytest.raises(InvalidCertificate, match="steps"):
        mechanism_from_dict({"name": schedule.name, "beta": 1.0, "steps": steps})


@both
def test_the_ends_of_the_range_are_taken(schedule):
    for beta in (1, 1e-30, 1e30):
        for steps in (1, 10_000):
            mechanism = schedule(beta, steps)
            assert mechanism_from_dict(mechanism.to_dict()) == mechanism
            assert 0 < mechanism.effective_sigma <= beta


# Draws.


@both
def test_levels_fall_from_beta_at_the_first_step(schedule):
    levels = schedule(0.8, 20).sigmas
    assert levels.shape == (20,)
    assert levels[0] == 0.8
    assert (np.diff(levels) < 0).all()
    assert levels == pytest.approx([0.8 * math.sqrt(t / 20) for t in range(20, 0, -1)], rel=1e-15)


@both
def test_each_row_is_its_level_times_the_normals_of_its_step(schedule):
    mechanism = schedule(0.8, 4)
    noise = mechanism.draw(SEED, Stream.CERTIFICATION, [9, 2], (2, 3))
    for row, index in enumerate((9, 2)):
        for step, t in enumerate((4, 3, 2, 1)):
            expected = 0.8 * math.sqrt(t / 4) * normals(SEED, Stream.CERTIFICATION, index, 6, step=step)
            assert noise[row, step].ravel() == pytest.approx(expected, rel=1e-15)


@both
def test_the_first_step_draws_what_one_gaussian_of_beta_draws(schedule):
    first = schedule(0.8, 6).draw(SEED, Stream.SELECTION, range(3), (5,))[:, 0]
    assert np.array_equal(first, Gaussian(0.8).draw(SEED, Stream.SELECTION, range(3), (5,)))


@both
def test_one_step_is_one_gaussian(schedule):
    noise = schedule(0.8, 1).draw(SEED, Stream.SELECTION, range(3), (5,))
    assert np.array_equal(noise[:, 0], Gaussian(0.8).draw(SEED, Stream.SELECTION, range(3), (5,)))
    assert schedule(0.8, 1).effective_sigma == pytest.approx(0.8, rel=1e-11)


@both
def test_steps_are_independent_and_have_their_own_standard_deviations(schedule):
    """Within five standard errors, over steps and over samples."""
    mechanism, n = schedule(0.8, 5), 20_000
    noise = mechanism.draw(SEED, Stream.CERTIFICATION, range(4), (n // 4,)).transpose(1, 0, 2).reshape(5, n)
    correlations = np.corrcoef(noise)[np.triu_indices(5, k=1)]
    assert (np.abs(correlations) < 5 / math.sqrt(n)).all()
    assert noise.std(axis=1) / mechanism.sigmas == pytest.approx(1, abs=5 / math.sqrt(2 * n))
    samples = np.corrcoef(mechanism.draw(SEED, Stream.CERTIFICATION, range(4), (n // 4,)).reshape(4, -1))
    assert (np.abs(samples[np.triu_indices(4, k=1)]) < 5 / math.sqrt(5 * n // 4)).all()


# The σ it protects like.


@given(beta=betas, steps=st.integers(1, 300))
def test_the_composed_sigma_is_below_the_exact_one_by_less_than_1e_11(beta, steps):
    square = Fraction(beta) ** 2 / steps_times_harmonic(steps)
    stated = Fraction(GaussianPerStep(beta, steps).effective_sigma)
    assert square * (1 - Fraction(1, 10**11)) ** 2 <= stated**2 <= square


@pytest.mark.parametrize("steps", [1000, 9999, 10_000])
def test_many_steps_too(steps):
    stated = GaussianPerStep(1.0, steps).effective_sigma
    with mp.workdps(40):
        exact = 1 / mp.sqrt(steps * mp.harmonic(steps))
        assert exact * (1 - mp.mpf("1e-11")) <= stated <= exact


@given(beta=betas, steps=st.integers(1, 300), epsilon=st.floats(0, 1e30), r=st.floats(0, 1e6))
def test_r_and_epsilon_are_on_the_safe_side_of_the_exact_sigma(beta, steps, epsilon, r):
    mechanism, square = GaussianPerStep(beta, steps), Fraction(beta) ** 2 / steps_times_harmonic(steps)
    assert Fraction(mechanism.radius_in_sigmas(epsilon)) ** 2 >= Fraction(epsilon) ** 2 / square
    assert Fraction(mechanism.epsilon(r)) ** 2 <= Fraction(r) ** 2 * square


@pytest.mark.parametrize(("steps", "ratio"), [(1, "1.0000"), (5, "0.2960"), (20, "0.1179"), (50, "0.0667")])
def test_the_published_table(steps, ratio):
    """docs/theory/mechanisms.md."""
    assert f"{GaussianPerStep(1.0, steps).effective_sigma:.4f}" == ratio


@given(beta=betas, steps=st.integers(1, 10_000))
def test_the_latent_schedule_protects_like_its_first_step(beta, steps):
    assert LatentSchedule(beta, steps).effective_sigma == beta


def test_remarks_say_the_steps_and_a_sigma_that_is_not_too_large():
    for steps in (1, 2, 3, 7, 20, 50, 999):
        mechanism = GaussianPerStep(0.7, steps)
        assert f" {steps} independently noised copies" in mechanism.remark
        said = float(mechanism.remark.split()[-1].rstrip("."))
        assert Fraction(said) ** 2 <= Fraction(0.7) ** 2 / steps_times_harmonic(steps)
        assert said == pytest.approx(mechanism.effective_sigma, rel=1e-5)
    latent = LatentSchedule(2 / 3, 20)
    assert "before each of 20 steps" in latent.remark
    assert latent.remark.endswith("of sigma 0.666666.")
    assert LatentSchedule(0.5, 20).remark.endswith("of sigma 0.5.")
