"""Noise by a prompt's own sensitivity: what the opening selects, how every worker goes on, what is certified."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from smoothgen.certificates import SigmaSelection, from_document, selection_alpha, verify
from smoothgen.certificates.bounds.rounding import complement
from smoothgen.contracts import (
    SELECTION_DRAWS,
    SELECTION_PROBES,
    GenerateRequest,
    JobSpec,
    TextParameters,
    metric_with_defaults,
)
from smoothgen.mechanisms import Gaussian
from smoothgen.noise import Seed, Stream, normals
from tests.support.workers.jobs import SEED, Recorded, run
from tests.workers.test_executor import chunk_of, executor_of, outcomes, run_state_of, selection_of
from workers.generators.closed_form import SPECS, ClosedForm
from workers.jobs.certification import look_at, result_at_deadline, result_of
from workers.jobs.outcomes import Ended, Measured
from workers.jobs.selection import Selected
from workers.sensitivity import public_directions

OWN_SIGMA = 0.25
"""σ_s, as the calibration would give it."""
PROBED = SELECTION_DRAWS * (1 + SELECTION_PROBES)
STEEP, FLAT = "0.0", "1.1"
"""Prompts of closed-form-tanh: where it is steepest, and in its tail."""


def adaptive(prompt: str = STEEP, *, budget: float = 0.1, seed: str = SEED, **asked: Any) -> JobSpec:
    robustness = {"adapt": "prompt", "budget": budget, "metric": "absolute", "samples": 100, "selection_samples": 16}
    output = asked.pop("output", "representative")
    request = GenerateRequest.model_validate(
        {"model": "any", "prompt": prompt, "output": output, "robustness": {**robustness, **asked}}
    )
    return JobSpec(
        id="job-1",
        request=request,
        parameters=TextParameters(),
        sigma=OWN_SIGMA,
        metric=metric_with_defaults("absolute"),
        tolerance=0.1,
        seed=seed,
        seed_origin="client",
        submitted_ms=1_760_000_000_000,
        tenant="anyone",
        retention_s=60,
    )


def sensitivities(prompt: str) -> np.ndarray:
    """s at every noisy prompt, written out from the law, the job's seed and the public directions."""
    law, step = SPECS["closed-form-tanh"].law, OWN_SIGMA
    seed = Seed(int(SEED, 16), "server")
    noise = [normals(seed, Stream.SENSITIVITY, i, 1)[0] for i in range(SELECTION_DRAWS)]
    x = float(prompt) + OWN_SIGMA * np.array(noise)
    u = public_directions(SELECTION_PROBES, (1,))[:, 0]
    return np.abs(law(x[:, None] + step * u) - law(x)[:, None]).mean(axis=1) / step


@pytest.mark.parametrize("prompt", [STEEP, FLAT])
def test_the_noise_is_the_level_of_the_prompts_own_sensitivity(prompt: str) -> None:
    result = run(adaptive(prompt), ClosedForm("closed-form-tanh"))
    assert result.certificate is not None, result.abstention
    selection = SigmaSelection.from_dict(result.certificate["sigma_selection"])
    expected = sensitivities(prompt)
    assert np.array(selection.sensitivities) == pytest.approx(expected, rel=1e-4)  # of points on the grid
    assert selection.grid.levels == pytest.approx([OWN_SIGMA * 2 ** (k / 2) for k in range(-4, 5)])
    fitting = [level for level in selection.grid.levels if level * np.median(expected) <= 0.1]
    assert selection.sigma == max(fitting)
    certificate = from_document(result.certificate)
    assert certificate.mechanism == Gaussian(selection.sigma)
    assert 0 < certificate.radius <= selection.radius
    assert selection.alpha == selection_alpha(complement(0.999))
    assert verify(result.certificate)
    assert verify(json.dumps(result.certificate))


def test_less_sensitive_prompts_get_more_noise() -> None:
    levels = []
    for prompt in (STEEP, FLAT):
        certificate = run(adaptive(prompt), ClosedForm("closed-form-tanh")).certificate
        assert certificate is not None
        levels.append(certificate["mechanism"]["sigma"])
    assert levels[0] < levels[1]


def test_every_sample_after_the_probes_is_drawn_at_the_selected_level() -> None:
    recorded = Recorded(ClosedForm("closed-form-tanh"))
    result = run(adaptive(FLAT, output="sample"), recorded)
    assert result.certificate is not None
    sigma = result.certificate["mechanism"]["sigma"]
    assert sigma != OWN_SIGMA
    seed, drawn = Seed(int(SEED, 16), "server"), np.array(recorded.noise)[PROBED:, 0]
    places = [(Stream.SELECTION, 16), (Stream.SERVED, 1), (Stream.CERTIFICATION, 100)]
    units = [normals(seed, stream, i, 1)[0] for stream, count in places for i in range(count)]
    assert drawn == pytest.approx(sigma * np.array(units))
    assert result.certificate["output"]["kind"] == "sample"
    threat = from_document(result.certificate).provenance.threat
    assert threat is not None
    assert threat.noise_norm == pytest.approx(sigma)


def test_the_price_is_counted_and_the_estimate_comes_with_it() -> None:
    job = adaptive(FLAT)
    result = run(job, ClosedForm("closed-form-tanh"))
    assert result.usage.overhead == PROBED + 16 + 100 == job.total_samples
    assert result.usage.samples == 100
    estimate = result.lipschitz_estimate
    assert estimate is not None
    assert (estimate.certified, estimate.method, estimate.points) == (False, "finite-differences", SELECTION_DRAWS)
    assert estimate.unit == "absolute per l2 unit of the embedding"
    assert estimate.value is not None
    assert 0.5 < estimate.value <= 1.0  # the steepest slope of the law is 1
    assert estimate.sensitivity == pytest.approx(np.sort(sensitivities(FLAT))[(SELECTION_DRAWS - 1) // 2], rel=1e-4)


@pytest.mark.parametrize("method", [True, "finite-differences"])
def test_an_estimate_alone_costs_one_point_and_leaves_the_certificate_as_it_is(method: Any) -> None:
    generator = ClosedForm("closed-form-tanh")
    plain = run(adaptive(adapt="model"), generator)
    asked = run(adaptive(adapt="model", lipschitz_estimate=method), generator)
    assert plain.lipschitz_estimate is None
    assert asked.lipschitz_estimate is not None
    assert asked.lipschitz_estimate.points == 1
    assert asked.usage.overhead == plain.usage.overhead + 1 + SELECTION_PROBES
    assert asked.certificate == plain.certificate
    assert "sigma_selection" not in (plain.certificate or {})


def test_an_estimate_of_a_model_that_fails_says_nothing_and_costs_nobody_the_job() -> None:
    result = run(adaptive("0.99", adapt="model", lipschitz_estimate=True), ClosedForm("closed-form-partly-raising"))
    assert result.lipschitz_estimate is not None
    assert result.lipschitz_estimate.value is None
    assert result.lipschitz_estimate.sensitivity is None
    assert result.certificate is not None


def test_where_the_median_cannot_be_placed_the_job_abstains_and_shows_an_output() -> None:
    budget = float(np.sort(sensitivities(STEEP))[SELECTION_DRAWS // 2]) * OWN_SIGMA  # on the edge of two cells
    result = run(adaptive(budget=budget), ClosedForm("closed-form-tanh"))
    assert result.certificate is None
    assert result.abstention is not None
    assert result.abstention.reason == "sigma_not_placed"
    assert "ask for another budget, or adapt the noise to the model only" in result.abstention.detail
    assert not result.output.certified
    assert result.usage.samples == 0
    assert result.usage.overhead == PROBED + 16
    assert result.lipschitz_estimate is not None


def test_a_budget_unreachable_on_the_grid_is_an_abstention_that_says_so() -> None:
    result = run(adaptive(budget=1e-3), ClosedForm("closed-form-tanh"))
    assert result.abstention is not None
    assert result.abstention.reason == "sigma_not_placed"
    assert "even the smallest level of the grid" in result.abstention.detail
    assert "ask for a larger budget" in result.abstention.detail


def test_a_generous_budget_is_served_at_the_largest_level() -> None:
    result = run(adaptive(budget=50.0), ClosedForm("closed-form-tanh"))
    assert result.certificate is not None
    assert result.certificate["mechanism"]["sigma"] == pytest.approx(4 * OWN_SIGMA)


def test_a_model_that_fails_around_the_prompt_abstains() -> None:
    result = run(adaptive("1.0"), ClosedForm("closed-form-partly-nan"))
    assert result.abstention is not None
    assert result.abstention.reason == "sigma_not_placed"


def test_an_epsilon_beyond_what_the_selection_reaches_is_given_up_at_the_opening() -> None:
    result = run(adaptive(FLAT, epsilon=5.0), ClosedForm("closed-form-tanh"))
    assert result.abstention is not None
    assert result.abstention.reason == "radius_out_of_reach"
    assert result.usage.samples == 0


@pytest.mark.parametrize("stops", [{"radius_tolerance": 0.05}, {"epsilon": 0.01}, {"deadline_s": 3600.0}])
def test_early_stopping_shares_what_the_selection_left_of_alpha(stops: dict[str, float]) -> None:
    result = run(adaptive(FLAT, samples=500, **stops), ClosedForm("closed-form-tanh"))
    assert result.certificate is not None, result.abstention
    assert result.certificate["sigma_selection"]["alpha"] == selection_alpha(complement(0.999))
    assert verify(result.certificate)


def test_another_worker_goes_on_at_the_level_the_opening_selected() -> None:
    jobs = [adaptive(FLAT), adaptive(STEEP).model_copy(update={"id": "job-2", "seed": f"{2:032x}"})]
    for job, (opened, distances) in zip(
        jobs, outcomes(executor_of(ClosedForm("closed-form-tanh"), 7), jobs, 100), strict=True
    ):
        whole = run(job, ClosedForm("closed-form-tanh"))
        assert whole.certificate is not None
        assert opened.stored.sigma_selection == whole.certificate["sigma_selection"]
        assert opened.stored.mechanism == whole.certificate["mechanism"]
        # A worker that never saw the opening drawn.
        elsewhere = executor_of(ClosedForm("closed-form-tanh"), 33)
        [again] = elsewhere.run(run_state_of([chunk_of(job, opened, 0, 100)]))
        assert isinstance(again, Measured)
        assert np.array_equal(again.distances, distances)
        look = look_at(job, opened.stored, again.distances, "")
        result = result_of(job, opened.stored, look.outcome, again.distances, 0.0)
        assert result.certificate == whole.certificate


def test_an_opening_taken_twice_selects_the_same_level() -> None:
    """A crash between the opening and its acknowledgement: whoever draws it again finds the same numbers."""
    [first], [second] = (
        executor_of(ClosedForm("closed-form-tanh"), size).run(run_state_of([selection_of(adaptive(FLAT))]))
        for size in (64, 9)
    )
    assert isinstance(first, Selected)
    assert isinstance(second, Selected)
    assert first.stored.sigma_selection == second.stored.sigma_selection
    assert first.stored.output == second.stored.output


def test_the_abstention_ends_the_job_at_its_opening() -> None:
    [ended] = executor_of(ClosedForm("closed-form-tanh")).run(run_state_of([selection_of(adaptive(budget=1e-3))]))
    assert isinstance(ended, Ended)
    assert ended.result.abstention is not None


def test_a_worker_told_to_stop_while_probing_hands_the_opening_back() -> None:
    watch = run_state_of([selection_of(adaptive(FLAT))])
    watch.stop = True
    recorded = Recorded(ClosedForm("closed-form-tanh"))
    assert executor_of(recorded).run(watch) == [None]
    assert recorded.batches == [64]
    assert watch.drawn == [64]


def test_a_deadline_before_the_first_look_is_kept_with_what_needs_no_sample() -> None:
    job = adaptive(FLAT, samples=500, deadline_s=5.0)
    [opened] = executor_of(ClosedForm("closed-form-tanh")).run(run_state_of([selection_of(job)]))
    assert isinstance(opened, Selected)
    result = result_at_deadline(job, opened.stored, np.zeros(0), "", 0.0)
    assert result.certificate is not None
    assert result.certificate["samples"] == 0
    assert verify(result.certificate)
    reach = SigmaSelection.from_dict(result.certificate["sigma_selection"]).radius
    assert result.certificate["radius"] <= reach < math.inf
