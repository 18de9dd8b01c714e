"""Generators that were built to make a certificate false, through the worker's own job code: what is stated holds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from scipy.special import ndtr

from smoothgen.certificates import from_document
from smoothgen.mechanisms.grid import grid_step
from smoothgen.noise import Seed, Stream
from tests.statistics.test_grid import off_the_lattice
from tests.support.statistics.validity import most_false_claims
from tests.support.workers.jobs import run, spec
from workers.generators import closed_form
from workers.generators.closed_form import ClosedForm, Law
from workers.jobs.sampling import Samples, condition_of, generate, rows_of

X = float(np.float32(0.5))


@contextmanager
def built(law: Law) -> Iterator[ClosedForm]:
    """A closed-form generator with this law, for as long as the block lasts."""
    closed_form.SPECS["closed-form-built"] = closed_form.Spec(law, "built for a test")
    try:
        yield ClosedForm("closed-form-built")
    finally:
        del closed_form.SPECS["closed-form-built"]


def job(prompt: str, **robustness):
    asked = spec(prompt, sigma=1.0, metric="absolute", **robustness)
    return asked.model_copy(update={"seed": str(Seed.fresh())})


def test_a_generator_that_knows_the_lattice_of_a_prompt_cannot_tell_it_from_another() -> None:
    with built(lambda u: off_the_lattice(u, X)) as generator:
        certificate = from_document(run(job("0.5", samples=500), generator).certificate)
        delta = float(np.float32(0.501)) - X
        served = [
            np.mean([run(job(prompt, tier="universal"), generator).output.text == "1.0" for _ in range(400)])
            for prompt in ("0.5", "0.501")
        ]
        assert certificate.w1_bound(delta) < 0.01
        # The two shares are of 400 draws each: five standard deviations, and what is certified.
        assert abs(served[1] - served[0]) <= certificate.w1_bound(delta) + 5 * np.sqrt(0.5 / 400)


@pytest.mark.parametrize("alpha", [0.05, 0.001])
def test_failures_through_jobs_are_charged_the_diameter(alpha: float) -> None:
    """y = ½ and a failure beyond 1.3: D = 1, D_c = ½. Every one of 40 such certificates was false."""

    def law(u):
        if (u > 1.3).any():
            raise FloatingPointError("this generator fails beyond 1.3")
        return np.full(u.shape, 0.5)

    false = 0
    with built(law) as generator:
        for _ in range(40):
            certificate = from_document(
                run(job("0", samples=500, confidence=1 - alpha), generator, batch_size=8).certificate
            )
            moved = ndtr(certificate.radius - 1.3) - ndtr(-1.3)
            false += moved > certificate.tolerance
            assert certificate.evidence.failed > 0
    assert false <= most_false_claims(40, alpha)


def test_a_certificate_states_the_slack_of_the_noise_its_generator_received() -> None:
    seen = []

    def law(u):
        seen.append(u.copy())
        return np.clip(u, 0, 1)

    with built(law) as generator:
        asked = job("0.3", samples=64)
        certificate = from_document(run(asked, generator).certificate)
    points = np.concatenate(seen) / grid_step(1.0)
    assert np.array_equal(points, np.rint(points))
    noise = certificate.mechanism.draw(Seed(int(asked.seed, 16), "server"), Stream.CERTIFICATION, range(64), (1,))
    exact = np.float32(0.3) + noise[:, 0]
    assert np.abs(np.concatenate(seen)[-64:] - exact).max() <= grid_step(1.0) / 2
    assert certificate.rounding_slack == certificate.mechanism.rounding_slack(1) > 0
    assert repr(certificate.rounding_slack) in run(asked, ClosedForm("closed-form-tanh")).certificate["statement"]


def test_jobs_of_different_levels_in_one_batch_are_each_on_the_grid_of_their_own() -> None:
    """The mechanism at fault was the batch's: one joined condition had the first job's level for all rows."""
    generator = ClosedForm("closed-form-tanh")
    jobs = [
        spec(prompt, sigma=sigma, metric="absolute") for prompt, sigma in (("0.1", 0.5), ("0.7", 3.0), ("-1", 0.01))
    ]
    parts = [Samples(job, condition_of(job, generator), Stream.CERTIFICATION, range(20)) for job in jobs]
    rows = rows_of(parts)
    mixed = [rows[(7 * k) % len(rows)] for k in range(len(rows))]
    together = dict(zip(map(id, mixed), generate(generator, mixed), strict=True))
    for row in rows:
        assert together[id(row)] == generate(generator, [row])[0]
