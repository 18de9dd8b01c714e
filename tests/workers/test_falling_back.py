"""Sampling that can add nothing stops by itself, and states what holds without samples."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from smoothgen import LookPlan, certify, verify
from smoothgen.certificates import Evidence, Terms, certify_universal
from smoothgen.certificates.stopping.decide import adds_nothing
from smoothgen.contracts import GenerateRequest, JobResult
from smoothgen.mechanisms import Gaussian
from smoothgen.planning.plan import plan
from tests.app.conftest import model_card
from tests.support.workers.jobs import run, spec
from workers.generators.closed_form import ClosedForm
from workers.jobs.methods import method_of

CAPPED: Any = {"name": "absolute", "cap": 0.02}


def job(model: str = "tanh", samples: int = 400, metric: Any = CAPPED, peek: int | None = 50) -> JobResult:
    """Of the tanh model nearly every output lies further from every centre than the cap: nothing is proven but what
    holds for any generator."""
    planned = spec("0.25", sigma=1.0, metric=metric, tolerance=0.002, samples=samples)
    return run(planned.model_copy(update={"peek": peek}), ClosedForm(f"closed-form-{model}"))


def test_outputs_that_scatter_are_not_drawn_more_often_than_it_takes_to_see_that() -> None:
    result = job()
    assert result.usage.samples == 50
    assert result.certificate is not None
    assert (result.certificate["samples"], result.certificate["band"]) == (0, "no-samples/v1")
    assert verify(result.certificate)
    [note] = [note for note in result.notes or [] if note.code == "samples_added_nothing"]
    assert note.detail.startswith("sampling stopped after 50 of 400 certification samples")
    assert result.gain_over_universal is None
    assert result.decision is not None
    assert result.decision.holds
    whole = job(peek=None)
    assert whole.certificate is not None
    assert whole.usage.samples == 400
    assert whole.certificate["radius"] == pytest.approx(result.certificate["radius"], rel=1e-6)


def test_what_may_still_prove_something_is_drawn_to_the_end() -> None:
    result = job("null")
    assert result.certificate is not None
    assert result.usage.samples == result.certificate["samples"] == 400
    assert "samples_added_nothing" not in {note.code for note in result.notes or []}


@pytest.mark.parametrize(
    ("asked", "peek"),
    [
        ({"samples": 400}, 50),
        ({"samples": 256}, 32),
        ({"samples": 255}, None),
        ({"samples": 400, "epsilon": 0.1}, None),
        ({"samples": 400, "radius_tolerance": 0.1}, None),
        ({"samples": 400, "deadline_s": 5.0}, None),
        ({"samples": 400, "tier": "universal"}, None),
        ({"samples": 400, "metric": {"name": "label", "extract": {"kind": "number"}}}, None),
    ],
)
def test_only_jobs_with_one_look_are_peeked_at(asked: dict[str, Any], peek: int | None) -> None:
    body = {"model": "numbers", "prompt": "0.5", "robustness": {"sigma": 1.0, **asked}}
    planned = plan(GenerateRequest.model_validate(body), model_card("numbers"), max_samples=5000)
    assert planned.peek == peek
    sizes = method_of(planned).looks(planned, None)  # type: ignore[arg-type]
    assert (peek in sizes) == (peek is not None)


def terms(samples: int) -> Terms:
    return Terms(Gaussian(1.0), alpha=0.05, tolerance=0.15, plan=LookPlan.single(samples, 0.05))


def test_where_every_output_lies_far_off_nothing_is_hoped_for() -> None:
    assert adds_nothing(Evidence.from_measurements(np.full(50, 0.95), bound=1.0, diameter=1.0), terms(400))
    assert not adds_nothing(Evidence.from_measurements(np.zeros(50), bound=1.0, diameter=1.0), terms(400))


def test_the_rule_rarely_gives_up_what_the_last_look_would_have_proven() -> None:
    """Near the edge, where the full sample gains a little over T1: of the jobs that would gain, few fall back."""
    rng, gained, lost = np.random.default_rng(3), 0, 0
    universal = certify_universal(diameter=1.0, mechanism=Gaussian(1.0), alpha=0.05, tolerance=0.15).radius

    for _ in range(60):
        drawn = rng.beta(1.2, 1.6, size=400)
        full = certify(drawn, bound=1.0, diameter=1.0, mechanism=Gaussian(1.0), alpha=0.05, tolerance=0.15)
        if full.radius > universal * 1.01:
            gained += 1
            lost += adds_nothing(Evidence.from_measurements(drawn[:50], bound=1.0, diameter=1.0), terms(400))
    assert gained > 0
    assert lost <= 0.2 * gained
