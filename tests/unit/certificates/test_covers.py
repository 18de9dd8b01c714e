"""Prompts held against a certificate: what is answered where, and what is refused."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest

from smoothgen import Certificate, Gaussian, certify, certify_universal
from smoothgen.certificates import Evidence, Provenance, Sampling, SigmaGrid, select_sigma
from smoothgen.certificates.covers import covers, prompt_bound
from smoothgen.certificates.sigma_selection import SigmaSelection
from smoothgen.errors import InvalidAlpha, InvalidDistances, InvalidEpsilon
from smoothgen.mechanisms import ForwardDiffusion, GaussianPerStep, Mechanism
from smoothgen.noise import SCHEME, Seed, Stream

SEED, N, SHAPE = Seed(77, "server"), 400, (2, 3)
SAMPLING = Sampling(str(SEED), "server", SCHEME, "none", 32)
DELTA = np.full(SHAPE, 0.1)


def made(
    mechanism: Mechanism, sampling: Sampling | None = SAMPLING, selection: SigmaSelection | None = None
) -> Certificate:
    noise = mechanism.draw(SEED, Stream.CERTIFICATION, range(N), SHAPE)
    outcome = certify(
        np.abs(np.tanh(noise.reshape(N, -1)[:, 0])),
        bound=1.0,
        diameter=1.5,
        mechanism=mechanism,
        alpha=0.01,
        tolerance=0.3,
        provenance=Provenance(sampling=sampling),
        sigma_selection=selection,
    )
    assert isinstance(outcome, Certificate)
    return outcome


@pytest.mark.parametrize("mechanism", [Gaussian(0.5), GaussianPerStep(2.0, 3)], ids=lambda m: m.name)
def test_a_prompt_gets_every_bound_and_the_least_of_them(mechanism: Mechanism) -> None:
    certificate = made(mechanism)
    [answer] = covers(certificate, [DELTA], alpha=0.01)
    assert answer.distance == pytest.approx(0.1 * 6**0.5, rel=1e-8)
    assert answer.distance >= 0.1 * 6**0.5
    assert answer.inside == (answer.distance <= certificate.radius)
    assert answer.ball_bound == certificate.w1_bound(answer.distance)
    assert answer.universal_bound == certificate.universal_w1_bound(answer.distance)
    assert answer.samples == N
    assert answer.prompt_bound is not None
    assert answer.w1_bound == min(answer.ball_bound, answer.prompt_bound)


def test_the_bound_is_of_the_noise_the_samples_were_drawn_with() -> None:
    certificate, mechanism = made(Gaussian(0.5)), Gaussian(0.5)
    u, r = mechanism.project(mechanism.draw(SEED, Stream.CERTIFICATION, range(N), SHAPE), DELTA)
    [answer] = covers(certificate, [DELTA], alpha=0.01)
    assert answer.prompt_bound == prompt_bound(certificate.evidence, u, r, alpha=0.01, sizes=(N,))
    [other] = covers(
        replace(certificate, provenance=Provenance(sampling=replace(SAMPLING, seed="ff"))), [DELTA], alpha=0.01
    )
    assert other.prompt_bound != answer.prompt_bound


def test_opposite_shifts_are_equally_far_and_bounded_each_for_itself() -> None:
    there, back = covers(made(Gaussian(0.5)), [DELTA, -DELTA], alpha=0.01)
    assert there.distance == back.distance
    assert there.ball_bound == back.ball_bound
    assert there.prompt_bound != back.prompt_bound


def test_the_same_embedding_has_the_same_law() -> None:
    moved, same = covers(made(Gaussian(0.5)), [DELTA, np.zeros(SHAPE)], alpha=0.01)
    assert moved.w1_bound > 0
    assert (same.distance, same.inside, same.w1_bound, same.prompt_bound) == (0.0, True, 0.0, 0.0)


@pytest.mark.parametrize(
    "certificate",
    [
        made(Gaussian(0.5), None),
        made(Gaussian(0.5), replace(SAMPLING, noise_scheme="another/v1")),
        made(Gaussian(0.5), replace(SAMPLING, seed="not a number")),
        made(Gaussian(0.5), replace(SAMPLING, seed="f" * 40)),
        made(ForwardDiffusion(0.6, 0.8)),
        certify_universal(
            diameter=1.5,
            mechanism=Gaussian(0.5),
            alpha=0.01,
            tolerance=0.3,
            provenance=Provenance(sampling=SAMPLING),
        ),
    ],
    ids=["no seed", "other noise", "ill seed", "long seed", "no likelihood ratio", "no samples"],
)
def test_where_the_noise_cannot_be_told_the_ball_remains(certificate: Certificate) -> None:
    [answer] = covers(certificate, [DELTA], alpha=0.01)
    assert (answer.prompt_bound, answer.samples) == (None, 0)
    assert 0 < answer.w1_bound == answer.ball_bound <= answer.universal_bound


def test_beyond_the_selection_of_sigma_no_bound_speaks_of_the_prompt_as_it_would_be_served() -> None:
    draws = np.random.default_rng(1).normal(1.0, 0.02, size=200).tolist()
    selection = select_sigma(draws, budget=0.6, grid=SigmaGrid(0.5, -4, 4), selection_sigma=0.5, alpha=0.005)
    assert isinstance(selection, SigmaSelection)
    certificate = made(Gaussian(selection.sigma), selection=selection)
    near, far = covers(certificate, [DELTA * selection.radius / 0.5, DELTA * selection.radius / 0.2], alpha=0.01)
    assert not near.selected_sigma_may_differ
    assert near.w1_bound == min(near.ball_bound, near.prompt_bound or 9)
    assert far.selected_sigma_may_differ
    assert far.prompt_bound is not None
    assert far.prompt_bound < far.ball_bound == far.universal_bound == far.w1_bound == 1.5


def test_fewer_samples_than_the_evidence_has_will_do() -> None:
    u = np.random.default_rng(2).normal(size=100)
    evidence = Evidence.from_measurements(np.linspace(0, 1, 300), bound=1.0, diameter=2.0)
    assert 0 < prompt_bound(evidence, u, 0.5, alpha=0.01, sizes=(300,)) < 2 * 0.2


def test_failed_samples_count_as_the_worst_distance() -> None:
    u = np.random.default_rng(3).normal(size=300)
    distances = np.where(np.arange(300) % 10, 0.1, np.nan)
    failed = Evidence.from_measurements(distances, bound=1.0, diameter=2.0)
    worst = Evidence.from_measurements(np.where(np.isnan(distances), 2.0, distances), bound=2.0, diameter=2.0)
    one, other = (prompt_bound(e, u, 0.5, alpha=0.01, sizes=(300,)) for e in (failed, worst))
    assert one == other


def test_one_sample_and_absurd_shifts_give_the_bound_that_needs_none() -> None:
    evidence = Evidence.from_measurements([0.3], bound=1.0, diameter=1.0)
    assert 0 < prompt_bound(evidence, np.array([0.2]), 1e-12, alpha=0.01, sizes=(1,)) < 1e-11
    for r in (1e-300, 1e-30, 0.5, 30.0, 1e6, 1e200):
        assert 0 < prompt_bound(evidence, np.array([0.2]), r, alpha=0.01, sizes=(1,)) <= 1.0


def test_what_makes_no_sense_is_refused() -> None:
    evidence = Evidence.from_measurements([0.3, 0.4], bound=1.0, diameter=1.0)
    u = np.zeros(2)
    with pytest.raises(InvalidAlpha):
        prompt_bound(evidence, u, 0.5, alpha=0.0, sizes=(2,))
    for r in (0.0, -1.0, np.nan, np.inf):
        with pytest.raises(InvalidEpsilon):
            prompt_bound(evidence, u, r, alpha=0.1, sizes=(2,))
    for along in (np.zeros(0), np.zeros(3)):
        with pytest.raises(InvalidDistances):
            prompt_bound(evidence, along, 0.5, alpha=0.1, sizes=(2,))
    certificate = made(Gaussian(0.5))
    with pytest.raises(InvalidEpsilon):
        covers(certificate, [np.full(SHAPE, np.nan)], alpha=0.01)
    with pytest.raises(InvalidAlpha):
        covers(certificate, [DELTA], alpha=1e-13)


@pytest.mark.parametrize("r", [1e-300, 1e-160, 1e-159, 3e-159, 1e-158, 1e-150])
def test_a_shift_too_small_to_square_is_bounded_without_a_warning(r: float) -> None:
    distances = np.random.default_rng(0).random(50)
    evidence = Evidence.from_measurements(distances, bound=1.0, diameter=1.0)
    along = np.random.default_rng(1).standard_normal(50)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        bound = prompt_bound(evidence, along, r, alpha=1e-3, sizes=(50, 100), rounding_slack=0.0)
    assert 0 <= bound <= 1e-6
