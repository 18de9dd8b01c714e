"""Every request that cannot be served: a problem that names value and remedy, and nothing queued."""

from __future__ import annotations

import json
from typing import Any

import pytest
from starlette.testclient import TestClient

from smoothgen.queue import keys
from tests.app.conftest import CALIBRATED, problem_of, request_body
from tests.support.processes import Redis

JSON = {"content-type": "application/json"}


def refused(api: TestClient, redis: Redis, body: Any, status: int = 422) -> dict[str, Any]:
    """POST it, as JSON or as bytes, and see that it is refused and leaves no trace in Redis, and its plan likewise."""
    before, keys = redis.stream_lengths(), redis.client.dbsize()
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    problem = problem_of(api.post("/generate", content=content, headers=JSON), status)
    assert problem_of(api.post("/plans", content=content, headers=JSON), status) == problem
    assert redis.stream_lengths() == before
    assert redis.client.dbsize() == keys
    return problem


def test_the_request_the_others_are_made_from_is_accepted(api: TestClient, redis: Redis) -> None:
    before = redis.stream_lengths().get(keys.work("numbers", "normal"), 0)
    assert api.post("/generate", json=request_body()).status_code == 202
    assert redis.stream_lengths().get(keys.work("numbers", "normal"), 0) == before + 1


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("prompt", "", "at least 1 character"),
        ("prompt", " \n\t\u2003", "blank"),
        ("prompt", "x" * 32_769, "at most 32768 characters"),
        ("prompt", "a\0b", "NUL character at position 1"),
        ("prompt", 3, "string"),
        ("prompt", None, "string"),
        ("model", "", "at least 1 character"),
        ("model", "gpt-9", "unknown model 'gpt-9'; known: aquarelles, calibrated, numbers, pictures"),
        ("model", "x" * 301, "at most 300"),
        ("robustness.sigma", 0, "0.000000001"),
        ("robustness.sigma", -1.0, "0.000000001"),
        ("robustness.sigma", float("nan"), "finite"),
        ("robustness.sigma", float("inf"), "finite"),
        ("robustness.sigma", -float("inf"), "finite"),
        ("robustness.sigma", 10**400, "number"),
        ("robustness.sigma", 1e7, "1000000"),
        ("robustness.sigma", "0.5", "number"),
        ("robustness.sigma", True, "number"),
        ("robustness.tolerance", 0, "greater than 0"),
        ("robustness.tolerance", -0.1, "greater than 0"),
        ("robustness.tolerance", 1.0, "strictly between 0 and 1.0"),
        ("robustness.tolerance", 7, "strictly between 0 and 1.0"),
        ("robustness.epsilon", -1, "greater than 0"),
        ("robustness.epsilon", float("inf"), "finite"),
        ("robustness.samples", 0, "greater than or equal to 1"),
        ("robustness.samples", -5, "greater than or equal to 1"),
        ("robustness.samples", 5001, "limit of 5000"),
        ("robustness.samples", 10**30, "limit of 5000"),
        ("robustness.samples", 1.5, "integer"),
        ("robustness.samples", True, "integer"),
        ("robustness.samples", "500", "integer"),
        ("robustness.selection_samples", 0, "greater than or equal to 1"),
        ("robustness.selection_samples", 1025, "1024"),
        ("robustness.confidence", 0, "greater than 0"),
        ("robustness.confidence", 1, "less than 1"),
        ("robustness.confidence", 1.5, "less than 1"),
        ("robustness.confidence", 1 - 1e-15, "closer to 0 or to 1"),
        ("robustness.confidence", 5e-324, "closer to 0 or to 1"),
        ("robustness.mechanism", "laplace", "unknown mechanism 'laplace'; known: embedding"),
        ("robustness.randomness", "chaos", "'common' or 'fresh'"),
        ("robustness.metric", "cosine", "'absolute'"),
        ("robustness.metric", {"name": "absolute", "cap": 0}, "0.000000001"),
        ("robustness.metric", {"name": "absolute", "cap": 1e-300}, "0.000000001"),
        ("robustness.metric", {"name": "absolute", "cap": float("nan")}, "finite"),
        ("robustness.metric", "sentence-chord", "known: absolute, edit, label"),
        ("robustness.metric", {"name": "label"}, "required"),
        ("robustness.metric", {"name": "label", "extract": {"kind": "xpath"}}, "'regex'"),
        ("parameters.max_new_tokens", 0, "greater than or equal to 1"),
        ("parameters.temperature", -1, "greater than or equal to 0"),
        ("parameters.top_p", 0, "greater than 0"),
        ("parameters.top_k", 2**63, "less than or equal to"),
        ("output", "best", "'representative', 'sample', 'majority' or 'samples'"),
        ("output", "majority", "metric 'absolute' compares none"),
        ("robustness.keep", 0, "greater than 0"),
        ("robustness.keep", 1, "less than 1"),
        ("robustness.keep", float("nan"), "finite"),
        ("robustness.keep", "0.9", "number"),
        ("robustness.keep", 0.9, "metric 'absolute' compares none"),
        ("seed", -1, "greater than or equal to 0"),
        ("seed", 2**128, "less than"),
        ("colour", "red", "unknown field 'colour'"),
        ("robustness.colour", "red", "unknown field 'colour'"),
        ("parameters.colour", "red", "unknown field 'colour'"),
    ],
)
def test_a_bad_field_is_named_with_its_value_and_the_remedy(
    api: TestClient, redis: Redis, field: str, value: Any, words: str
) -> None:
    problem = refused(api, redis, request_body(**{field: value}))
    assert words in problem["detail"]
    pointers = {error["pointer"] for error in problem["errors"]}
    assert any(pointer.startswith("/" + field.replace(".", "/")) for pointer in pointers), pointers
    assert len(json.dumps(problem)) < 2000  # a long value is cut


def test_a_number_beyond_a_double_is_refused(api: TestClient, redis: Redis) -> None:
    body = json.dumps(request_body()).replace('"sigma": 1.0', '"sigma": 1e400').encode()
    assert "finite" in refused(api, redis, body)["detail"]


def test_budget_and_sigma_together_are_refused(api: TestClient, redis: Redis) -> None:
    problem = refused(api, redis, request_body(**{"robustness.budget": 0.1}))
    assert "budget=0.1 and sigma=1.0 both set the noise; give one of them" in problem["detail"]


@pytest.mark.parametrize(
    ("model", "budget", "words"),
    [
        ("numbers", 0.1, "no calibration for metric 'absolute'"),
        (CALIBRATED, 0.0, "greater than 0"),
        (CALIBRATED, 0.3, "out of reach: this model was calibrated for displacements up to 0.2"),
        (CALIBRATED, 1e-300, "noise"),
    ],
)
def test_a_budget_the_calibration_cannot_serve_is_refused(
    api: TestClient, redis: Redis, model: str, budget: float, words: str
) -> None:
    problem = refused(api, redis, {"model": model, "prompt": "0", "robustness": {"budget": budget}})
    assert words in problem["detail"]
    assert problem["errors"][0]["pointer"] == "/robustness/budget"


def test_a_tolerance_beyond_the_cap_is_refused(api: TestClient, redis: Redis) -> None:
    body = request_body(**{"robustness.metric": {"name": "absolute", "cap": 0.1}})
    assert "strictly between 0 and 0.1" in refused(api, redis, body)["detail"]


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("(?=Paris)", "RE2"),
        (r"(a)\1", "RE2"),
        ("(", "RE2"),
        ("a" * 5000, "at most 1000 characters"),
        ("(((a{100}){100}){100})", "RE2"),
        (r"((\pL{30}){30}\pN){2}", "RE2"),
        ("", "at least 1 character"),
    ],
)
def test_a_pattern_re2_does_not_take_is_refused_at_the_door(
    api: TestClient, redis: Redis, pattern: str, words: str
) -> None:
    metric = {"name": "label", "extract": {"kind": "regex", "pattern": pattern}}
    problem = refused(api, redis, request_body(**{"robustness.metric": metric}))
    assert words in problem["detail"]
    assert problem["errors"][0]["pointer"].startswith("/robustness/metric")


@pytest.mark.parametrize("body", [b"[]", b'"prompt"', b"3", b"null", b"true"])
def test_json_that_is_no_object_is_refused(api: TestClient, redis: Redis, body: bytes) -> None:
    refused(api, redis, body)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "not JSON"),
        (b'{"model": numbers}', "not JSON"),
        (b"{'model': 'numbers'}", "not JSON"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        (b'{"model": "numbers"} {}', "not JSON"),
        (b"[" * 1_500, "not JSON"),
        (b'{"a":' * 1_500, "not JSON"),
        (b'{"seed": ' + b"1" * 5000 + b"}", "not JSON"),
        (b'{"model": "numbers", "prompt": "0", "prompt": "1"}', "'prompt' is stated more than once"),
        (b'{"robustness": {"sigma": 1, "sigma": 2}}', "'sigma' is stated more than once"),
        ('{"model": "Zürich"}'.encode("latin-1"), "0xfc at position 12 is not UTF-8"),
        (json.dumps(request_body()).encode("utf-16"), "not UTF-8"),
        (json.dumps(request_body()).encode("utf-16-le"), "not JSON"),
        (rb'{"prompt": "half a pair \ud83d"}', r"'\ud83d' is half a character"),
        (rb'{"half a pair \ude00": 1}', r"'\ude00' is half a character"),
        (b"\x1f\x8b\x08\x00", "not UTF-8"),
    ],
)
def test_what_is_not_json_is_refused(api: TestClient, redis: Redis, body: bytes, words: str) -> None:
    assert words in refused(api, redis, body, 400)["detail"]


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"a":' * 40_000,
        b"[" + b"1," * 4_000_000 + b"1]",
        ("{" + ",".join(f'"{n}":0' for n in range(500_000)) + "}").encode(),
        ("{" + ",".join(['"a":0'] * 500_000) + "}").encode(),
        b'{"model": "numbers", "prompt": "0", "parameters": {"x": [' + b'"",' * 2_000_000 + b'""]}}',
    ],
    ids=["brackets", "nested", "numbers", "names", "one name", "strings"],
)
def test_more_values_than_any_request_has_are_refused_before_they_are_read(
    api: TestClient, redis: Redis, body: bytes
) -> None:
    assert "lists more than 2000 values" in refused(api, redis, body)["detail"]


def test_punctuation_inside_strings_is_no_value(api: TestClient, redis: Redis) -> None:
    prompt = ',[{"\\' * 6_000
    refused(api, redis, request_body(prompt=prompt, model="of no name"))


def test_a_missing_body_is_refused(api: TestClient, redis: Redis) -> None:
    assert "the body is missing; send one JSON object" in refused(api, redis, b"")["detail"]
    assert "the body is missing; send one JSON object" in refused(api, redis, b"null")["detail"]


@pytest.mark.parametrize("declared", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_another_content_type_is_refused(api: TestClient, redis: Redis, declared: str) -> None:
    before = redis.stream_lengths()
    headers = {"content-type": declared}
    problem = problem_of(api.post("/generate", content=json.dumps(request_body()), headers=headers), 415)
    assert "application/json" in problem["detail"]
    assert redis.stream_lengths() == before


def test_several_mistakes_are_all_told(api: TestClient, redis: Redis) -> None:
    problem = refused(api, redis, {"model": "", "prompt": "", "robustness": {"samples": 0}})
    assert [error["pointer"] for error in problem["errors"]] == ["/model", "/prompt", "/robustness/samples"]


def test_the_widest_request_is_accepted(api: TestClient) -> None:
    body = request_body(prompt="\U0001f600" * 32_768)
    content = json.dumps(body, ensure_ascii=False).encode()
    assert api.post("/generate", content=content, headers=JSON).status_code == 202
