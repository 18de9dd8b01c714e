"""Tiers, stopping rules, windows and a full queue that cannot be served: a problem that names value and remedy."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.main import create_app
from app.settings import Settings
from smoothgen.queue import keys
from tests.app.conftest import NUMBERS, PICTURES, model_card, problem_of, register, request_body
from tests.app.test_bad_input import refused
from tests.support.processes import Redis


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("robustness.tier", "city", "'request', 'fleet' or 'universal'"),
        ("robustness.tier", "Fleet", "'request', 'fleet' or 'universal'"),
        ("robustness.tier", 1, "'request', 'fleet' or 'universal'"),
        ("robustness.tier", None, "'request', 'fleet' or 'universal'"),
        ("priority", "urgent", "'high', 'normal' or 'low'"),
        ("priority", 0, "'high', 'normal' or 'low'"),
        ("priority", None, "'high', 'normal' or 'low'"),
        ("robustness.radius_tolerance", 0, "greater than 0"),
        ("robustness.radius_tolerance", 1, "less than 1"),
        ("robustness.radius_tolerance", -0.05, "greater than 0"),
        ("robustness.radius_tolerance", float("nan"), "finite"),
        ("robustness.radius_tolerance", float("inf"), "finite"),
        ("robustness.radius_tolerance", "0.05", "number"),
        ("robustness.radius_tolerance", True, "number"),
        ("robustness.deadline_s", 0, "greater than 0"),
        ("robustness.deadline_s", -1.5, "greater than 0"),
        ("robustness.deadline_s", float("inf"), "finite"),
        ("robustness.deadline_s", float("nan"), "finite"),
        ("robustness.deadline_s", 86_400.5, "less than or equal to 86400"),
        ("robustness.deadline_s", 10**400, "number"),
        ("robustness.deadline_s", "10", "number"),
        ("robustness.priority", "high", "unknown field 'priority'"),
        ("tier", "fleet", "unknown field 'tier'"),
        ("deadline_s", 5, "unknown field 'deadline_s'"),
    ],
)
def test_a_bad_field_is_named_with_its_value_and_the_remedy(
    api: TestClient, redis: Redis, field: str, value: Any, words: str
) -> None:
    problem = refused(api, redis, request_body(**{field: value}))
    assert words in problem["detail"]
    [error] = problem["errors"]
    assert error["pointer"] == "/" + field.replace(".", "/")
    assert error["value"].startswith(repr(value)[:100])
    assert len(json.dumps(problem)) < 2000


def test_two_reasons_to_stop_are_refused(api: TestClient, redis: Redis) -> None:
    both = {"robustness.radius_tolerance": 0.05, "robustness.epsilon": 0.25}
    problem = refused(api, redis, request_body(**both))
    assert "radius_tolerance=0.05 and epsilon=0.25 both say when to stop; give one of them" in problem["detail"]
    assert [error["pointer"] for error in problem["errors"]] == ["/robustness"]


@pytest.mark.parametrize("tier", ["fleet", "universal"])
@pytest.mark.parametrize(("field", "value"), [("radius_tolerance", 0.05), ("deadline_s", 2.0)])
def test_a_stopping_rule_without_anything_to_stop_is_refused(
    api: TestClient, redis: Redis, tier: str, field: str, value: float
) -> None:
    problem = refused(api, redis, request_body(**{"robustness.tier": tier, f"robustness.{field}": value}))
    assert f"{field}={value!r} says when to stop sampling" in problem["detail"]
    assert "leave it out, or ask for tier 'request'" in problem["detail"]
    assert [error["pointer"] for error in problem["errors"]] == ["/robustness"]


def test_a_seed_keeps_a_request_out_of_the_fleet(api: TestClient, redis: Redis) -> None:
    problem = refused(api, redis, request_body(**{"robustness.tier": "fleet", "seed": 7}))
    assert "seed=7 with tier 'fleet'" in problem["detail"]
    assert "leave the seed out, or use tier 'request'" in problem["detail"]
    assert [error["pointer"] for error in problem["errors"]] == ["/seed"]


@pytest.mark.parametrize("mechanism", ["embedding-per-step", "latent-schedule"])
def test_the_fleet_pools_noise_on_the_embedding_only(api: TestClient, redis: Redis, mechanism: str) -> None:
    robustness = {"tier": "fleet", "mechanism": mechanism, "tolerance": 0.1}
    problem = refused(api, redis, {"model": PICTURES, "prompt": "a sneaker", "robustness": robustness})
    assert repr(mechanism) in problem["detail"]
    assert "use mechanism 'embedding', or tier 'request'" in problem["detail"]
    assert [error["pointer"] for error in problem["errors"]] == ["/robustness/tier"]


@pytest.mark.parametrize(
    ("tier", "generations"),
    [("universal", 1), ("fleet", 2)],
)
def test_sample_numbers_are_ignored_where_nothing_is_sampled(api: TestClient, tier: str, generations: int) -> None:
    changes = {"robustness.tier": tier, "robustness.samples": 5000, "robustness.selection_samples": 1024}
    response = api.post("/generate", json=request_body(**changes))
    assert response.status_code == 202, response.text
    assert response.json()["progress"] == {"done": 0, "total": generations}


@pytest.mark.parametrize("tier", ["request", "universal"])
@pytest.mark.parametrize("priority", ["high", "normal", "low"])
def test_every_priority_and_the_widest_deadline_are_accepted(
    api: TestClient, redis: Redis, tier: str, priority: str
) -> None:
    stream = keys.work(NUMBERS, priority)
    before = redis.stream_lengths().get(stream, 0)
    changes: dict[str, Any] = {"robustness.tier": tier, "priority": priority}
    if tier == "request":
        changes |= {"robustness.deadline_s": 86_400, "robustness.radius_tolerance": 0.999}
    assert api.post("/generate", json=request_body(**changes)).status_code == 202
    assert redis.stream_lengths().get(stream, 0) == before + 1


@pytest.mark.parametrize(
    "window",
    [
        "",
        "nonsense",
        "hour",
        "hour:",
        "week:2026-11-23",
        "hour:2026-11-23",
        "hour:2026-11-23T24",
        "hour:2026-13-01T00",
        "day:2026-11-31",
        "day:2026-11-23T00",
        "day:today",
        "day:\0",
        "hour:2026-11-23T22Z",
        "day:" + "9" * 5000,
        "day:9999-12-31",
        "hour:9999-12-31T23",
        "day:2026-11-3",
        "hour:2026-11-3T7",
    ],
)
def test_a_window_that_is_none_is_refused_with_an_example(api: TestClient, window: str) -> None:
    problem = problem_of(api.get("/fleet", params={"window": window}), 422)
    assert "is no window of time" in problem["detail"]
    assert 'write "hour:2026-11-23T22" or "day:2026-11-23"' in problem["detail"]
    assert [error["pointer"] for error in problem["errors"]] == ["/window"]
    assert len(json.dumps(problem)) < 2000


@pytest.mark.parametrize("query", [{}, {"model": "gpt-9"}, {"model": "\0"}, {"window": "day:1970-01-01"}])
def test_a_fleet_without_requests_is_empty(api: TestClient, query: dict[str, str]) -> None:
    response = api.get("/fleet", params=query | {"model": query.get("model", "nobody")})
    assert response.status_code == 200
    assert response.json()["data"] == []


# A full queue

FEW = 600
"""One job of 532 samples fits, two do not."""


@pytest.fixture
def crowded(tmp_path: Path) -> Iterator[tuple[TestClient, Redis]]:
    """A gateway of little patience, and its Redis. Nobody draws anything."""
    with Redis(tmp_path / "redis") as redis:
        register(redis, model_card(NUMBERS), model_card("idle"))
        app = create_app(Settings(redis_url=redis.url, default_wait_s=0, max_queued_samples=FEW))
        with TestClient(app, base_url="http://localhost", raise_server_exceptions=False) as client:
            yield client, redis


def overloaded(api: TestClient, body: dict[str, Any], **headers: str) -> dict[str, Any]:
    """Its problem document, with a Retry-After that a client can keep to."""
    response = api.post("/generate", json=body, headers=headers)
    problem = problem_of(response, 429)
    assert int(response.headers["retry-after"]) >= 1
    assert problem["type"] == "urn:smoothgen:problem:overloaded"
    return problem


def test_what_does_not_fit_is_refused_with_the_numbers_and_what_was_accepted_stays(
    crowded: tuple[TestClient, Redis],
) -> None:
    api, redis = crowded
    kept = api.post("/generate", json=request_body()).json()["id"]
    before, known = redis.stream_lengths(), redis.client.dbsize()
    detail = overloaded(api, request_body(**{"robustness.samples": 100}))["detail"]
    assert "has 532 noisy samples waiting, this job asks for 132 and the limit is 600" in detail
    assert "send it again in 30 s, or ask for fewer samples" in detail
    assert (redis.stream_lengths(), redis.client.dbsize()) == (before, known)
    assert api.get(f"/jobs/{kept}").json()["status"] == "queued"
    page = api.get("/metrics").text
    assert f'smoothgen_jobs_refused_total{{model="{NUMBERS}"}} 1.0' in page
    assert f'smoothgen_queue_samples{{model="{NUMBERS}"}} 532.0' in page


def test_what_fits_is_still_taken(crowded: tuple[TestClient, Redis]) -> None:
    api, _ = crowded
    for samples in (500, 36):  # 532, and 68 more make 600
        assert api.post("/generate", json=request_body(**{"robustness.samples": samples})).status_code == 202
    overloaded(api, request_body(**{"robustness.tier": "universal"}))
    assert api.post("/generate", json=request_body(model="idle")).status_code == 202


def test_an_idle_model_takes_a_job_beyond_the_limit(crowded: tuple[TestClient, Redis]) -> None:
    api, _ = crowded
    large = request_body(**{"robustness.samples": 5000})
    assert api.post("/generate", json=large).status_code == 202
    assert "this job asks for 5032" in overloaded(api, large)["detail"]


def test_a_refused_request_keeps_its_idempotency_key(crowded: tuple[TestClient, Redis]) -> None:
    api, _ = crowded
    first = api.post("/generate", json=request_body()).json()["id"]
    key = {"idempotency-key": "again"}
    overloaded(api, request_body(), **key)
    # The same key with another body is no conflict: nothing was made under it.
    overloaded(api, request_body(prompt="0.75"), **key)
    assert api.delete(f"/jobs/{first}").json()["status"] == "cancelled"
    taken = api.post("/generate", json=request_body(), headers=key)
    assert taken.status_code == 202
    # The job it made is found however full the queue is.
    assert api.post("/generate", json=request_body(), headers=key).json()["id"] == taken.json()["id"]


def test_a_refused_fleet_request_is_in_no_window(crowded: tuple[TestClient, Redis]) -> None:
    api, _ = crowded
    for samples in (500, 35):  # one sample less than fits
        assert api.post("/generate", json=request_body(**{"robustness.samples": samples})).status_code == 202
    overloaded(api, request_body(**{"robustness.tier": "fleet"}))
    assert api.get("/fleet").json()["data"] == []
