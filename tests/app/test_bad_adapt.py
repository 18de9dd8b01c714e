"""Noise that adapts to the prompt, asked for where it cannot be had: a problem that names value and remedy."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from smoothgen.contracts import JACOBIAN_ROUNDS, SELECTION_DRAWS, SELECTION_PROBES
from tests.app.conftest import CALIBRATED, NUMBERS, PICTURES, request_body
from tests.app.test_bad_input import refused
from tests.support.processes import Redis


def asked(**robustness: Any) -> dict[str, Any]:
    """A request that adapts and is accepted, with changes."""
    return {"model": CALIBRATED, "prompt": "0.5", "robustness": {"adapt": "prompt", "budget": 0.1, **robustness}}


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("robustness.adapt", "Prompt", "'model' or 'prompt'"),
        ("robustness.adapt", True, "'model' or 'prompt'"),
        ("robustness.adapt", None, "'model' or 'prompt'"),
        ("robustness.adapt", "", "'model' or 'prompt'"),
        ("robustness.lipschitz_estimate", "gradient", "'finite-differences' or 'autodiff'"),
        ("robustness.lipschitz_estimate", 1, "boolean"),
        ("robustness.lipschitz_estimate", None, "boolean"),
    ],
)
def test_a_bad_field_is_named_with_its_value_and_the_remedy(
    api: TestClient, redis: Redis, field: str, value: Any, words: str
) -> None:
    problem = refused(api, redis, request_body(**{field: value}))
    assert {error["pointer"] for error in problem["errors"]} == {"/" + field.replace(".", "/")}
    assert any(words in error["detail"] for error in problem["errors"]), problem
    assert all(error["value"] == repr(value) for error in problem["errors"])


@pytest.mark.parametrize("adapt", ["model", "prompt"])
@pytest.mark.parametrize(
    ("budget", "words"),
    [
        (0, "greater than 0"),
        (0.0, "greater than 0"),
        (-0.1, "greater than 0"),
        (float("inf"), "finite"),
        (float("-inf"), "finite"),
        (float("nan"), "finite"),
        ("0.1", "number"),
        (True, "number"),
        (10**400, "number"),
    ],
)
def test_a_budget_that_is_no_displacement_is_refused(
    api: TestClient, redis: Redis, adapt: str, budget: Any, words: str
) -> None:
    problem = refused(api, redis, asked(adapt=adapt, budget=budget))
    assert words in problem["detail"]
    assert [error["pointer"] for error in problem["errors"]] == ["/robustness/budget"]


@pytest.mark.parametrize(
    ("budget", "words"),
    [
        (0.5, "calibrated for displacements up to 0.2 in metric 'absolute'; ask for less"),
        (1e-12, "ask for more"),
    ],
)
def test_a_budget_without_a_level_to_start_from_is_refused(
    api: TestClient, redis: Redis, budget: float, words: str
) -> None:
    problem = refused(api, redis, asked(budget=budget))
    assert words in problem["detail"]
    assert [error["pointer"] for error in problem["errors"]] == ["/robustness/budget"]


@pytest.mark.parametrize(
    ("robustness", "words"),
    [
        ({"budget": None}, "adapt='prompt' chooses the noise by a budget, and no budget is given; give a budget"),
        ({"budget": None, "sigma": 0.5}, "sigma=0.5 sets it already; give a budget, or leave adapt out"),
        ({"sigma": 0.5}, "budget=0.1 and sigma=0.5 both set the noise; give one of them"),
        ({"tier": "fleet"}, "tier 'fleet' has one noise for all; ask for tier 'request'"),
        ({"tier": "universal"}, "tier 'universal' has one noise for all; ask for tier 'request'"),
    ],
)
def test_what_contradicts_adapting_is_refused(
    api: TestClient, redis: Redis, robustness: dict[str, Any], words: str
) -> None:
    problem = refused(api, redis, asked(**robustness))
    assert words in problem["detail"]
    assert [error["pointer"] for error in problem["errors"]] == ["/robustness"]


def test_a_confidence_no_selection_could_have_is_refused_before_anything_is_drawn(
    api: TestClient, redis: Redis
) -> None:
    problem = refused(api, redis, asked(confidence=1 - 1e-11))
    assert "too close to 1 for adapt='prompt'" in problem["detail"]
    assert [error["pointer"] for error in problem["errors"]] == ["/robustness/confidence"]


def test_a_level_chosen_at_one_text_is_not_served_to_others(api: TestClient, redis: Redis) -> None:
    problem = refused(api, redis, asked(synonyms=True))
    assert "synonyms=true with adapt='prompt'" in problem["detail"]
    assert "leave adapt out" in problem["detail"]
    assert [error["pointer"] for error in problem["errors"]] == ["/robustness/synonyms"]


@pytest.mark.parametrize("mechanism", ["embedding-per-step", "latent-schedule"])
@pytest.mark.parametrize(("name", "value"), [("adapt", "prompt"), ("lipschitz_estimate", "autodiff")])
def test_sensitivity_is_of_equal_noise_on_the_prompt_embedding_only(
    api: TestClient, redis: Redis, mechanism: str, name: str, value: str
) -> None:
    robustness = {"mechanism": mechanism, name: value} | ({"budget": 0.1} if name == "adapt" else {})
    problem = refused(api, redis, {"model": PICTURES, "prompt": "a sneaker", "robustness": robustness})
    assert f"{name}={value!r} probes the prompt embedding" in problem["detail"]
    assert f"use mechanism 'embedding', or leave {name} out" in problem["detail"]
    assert [error["pointer"] for error in problem["errors"]] == [f"/robustness/{name}"]


@pytest.mark.parametrize(
    ("model", "metric", "words"),
    [
        (NUMBERS, "absolute", "model 'numbers' has no calibration for metric 'absolute' (calibrated: none)"),
        (CALIBRATED, "edit", "has no calibration for metric 'edit' (calibrated: absolute)"),
    ],
)
def test_without_a_calibration_there_is_no_level_to_adapt(
    api: TestClient, redis: Redis, model: str, metric: str, words: str
) -> None:
    problem = refused(api, redis, asked(metric=metric) | {"model": model})
    assert words in problem["detail"]
    assert (
        f"give robustness.sigma, or calibrate it: `smoothgen calibrate --model ENTRY --metric {metric} "
        in (problem["detail"])
    )
    assert f"({model}=SOURCE under a name of its own)" in problem["detail"]


@pytest.mark.parametrize(
    ("robustness", "probes"),
    [
        ({"adapt": "model"}, 0),
        ({"adapt": "model", "lipschitz_estimate": True}, 1 + SELECTION_PROBES),
        ({"adapt": "model", "lipschitz_estimate": "finite-differences"}, 1 + SELECTION_PROBES),
        ({"adapt": "model", "lipschitz_estimate": "autodiff"}, 2 * JACOBIAN_ROUNDS),
        ({}, SELECTION_DRAWS * (1 + SELECTION_PROBES)),
        ({"lipschitz_estimate": True}, SELECTION_DRAWS * (1 + SELECTION_PROBES)),
        ({"lipschitz_estimate": "autodiff"}, SELECTION_DRAWS * (1 + SELECTION_PROBES) + 2 * JACOBIAN_ROUNDS),
    ],
)
def test_the_generations_of_the_probes_are_announced(api: TestClient, robustness: dict[str, Any], probes: int) -> None:
    response = api.post("/generate", json=asked(**robustness, samples=100, selection_samples=8))
    assert response.status_code == 202, response.text
    assert response.json()["progress"] == {"done": 0, "total": probes + 108}


@pytest.mark.parametrize("tier", ["fleet", "universal"])
def test_an_estimate_is_given_in_every_tier(api: TestClient, tier: str) -> None:
    robustness = {"sigma": 1.0, "tolerance": 0.2, "tier": tier, "lipschitz_estimate": True}
    response = api.post("/generate", json={"model": NUMBERS, "prompt": "0.5", "robustness": robustness})
    assert response.status_code == 202, response.text
    assert response.json()["progress"]["total"] == 1 + SELECTION_PROBES + (2 if tier == "fleet" else 1)
