"""POST /certificates/{id}/covers: whatever a stranger sends is answered with a problem that says what to do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from smoothgen.contracts import MOST_PROMPTS
from smoothgen.queue import ANYONE, keys, new_id
from tests.app.conftest import NUMBERS, problem_of
from tests.support.processes import Redis

STORED = new_id("a model without workers", ANYONE)
PATH = f"/certificates/{STORED}/covers"


@pytest.fixture(autouse=True, scope="module")
def certificate(redis: Redis) -> Iterator[None]:
    """As much of one as the gateway reads."""
    document = {"model": {"name": NUMBERS, "revision": "v1", "digest": "sha256:" + "0" * 64}}
    redis.client.set(keys.certificate(STORED), json.dumps(document))
    yield
    redis.client.delete(keys.certificate(STORED))


@pytest.mark.parametrize(
    ("body", "pointer", "words"),
    [
        ({}, "/prompts", "required"),
        ({"prompts": []}, "/prompts", "at least 1 item"),
        ({"prompts": ["a"] * (MOST_PROMPTS + 1)}, "/prompts", f"at most {MOST_PROMPTS} items"),
        ({"prompts": "a red sneaker"}, "/prompts", "list"),
        ({"prompts": ["a", ""]}, "/prompts/1", "at least 1 character"),
        ({"prompts": ["a", " \n"]}, "/prompts/1", "blank"),
        ({"prompts": ["a\0b"]}, "/prompts/0", "NUL"),
        ({"prompts": ["a" * 32_769]}, "/prompts/0", "at most 32768 characters"),
        ({"prompts": [3]}, "/prompts/0", "string"),
        ({"prompts": [None]}, "/prompts/0", "string"),
        ({"prompts": ["a"], "confidence": 1}, "/confidence", "less than 1"),
        ({"prompts": ["a"], "confidence": 0.0}, "/confidence", "greater than 0"),
        ({"prompts": ["a"], "confidence": "0.9"}, "/confidence", "number"),
        ({"prompts": ["a"], "colour": "red"}, "/colour", "unknown field 'colour'"),
    ],
)
def test_a_request_that_makes_no_sense_names_the_field(
    api: TestClient, body: dict[str, Any], pointer: str, words: str
) -> None:
    problem = problem_of(api.post(PATH, json=body), 422)
    assert problem["errors"][0]["pointer"] == pointer
    assert words in problem["detail"]


@pytest.mark.parametrize(
    ("content", "status", "words"),
    [
        (b"", 422, "the body is missing"),
        (b"{", 400, "not JSON"),
        (b'{"prompts": ["a"], "prompts": ["b"]}', 400, "stated more than once"),
        (b'{"prompts": ["\\ud83d"]}', 400, "half a character"),
        (b'{"prompts": ["\xff"]}', 400, "not UTF-8"),
        (b'["a"]', 422, "valid dictionary"),
    ],
)
def test_what_is_no_request_is_a_problem(api: TestClient, content: bytes, status: int, words: str) -> None:
    response = api.post(PATH, content=content, headers={"content-type": "application/json"})
    assert words in problem_of(response, status)["detail"]


def test_only_json_is_taken(api: TestClient) -> None:
    response = api.post(PATH, content=b"a red sneaker", headers={"content-type": "text/plain"})
    assert "application/json" in problem_of(response, 415)["detail"]


@pytest.mark.parametrize("unknown", ["nothing", "%2e%2e", "a" * 2000, "sneaker ☃"])
def test_an_unknown_certificate_is_not_found(api: TestClient, unknown: str) -> None:
    assert (
        "no certificate"
        in problem_of(api.post(f"/certificates/{unknown}/covers", json={"prompts": ["a"]}), 404)["detail"]
    )


def test_a_model_without_workers_is_said_at_once(api: TestClient, redis: Redis) -> None:
    response = api.post(PATH, json={"prompts": ["0.5"]})
    assert "no worker serves model" in problem_of(response, 503)["detail"]
    assert response.headers["retry-after"] == "30"
    assert redis.client.llen(keys.covers_calls(NUMBERS)) == 0


def test_reading_it_is_not_allowed(api: TestClient) -> None:
    problem_of(api.get(PATH), 405)
