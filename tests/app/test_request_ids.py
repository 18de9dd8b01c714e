"""X-Request-ID: every answer has one, the client's where it is well formed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.settings import Settings
from smoothgen.contracts import JobSpec
from smoothgen.queue import keys, new_id
from tests.app.conftest import problem_of, request_body
from tests.support.attacks import HEAD, raw_answer, status_of
from tests.support.processes import Gateway, Redis, eventually

KEY = "a key of this test"
FRESH = re.compile(r"[0-9a-f]{32}")
NO_HASH = new_id("a model", Settings(api_keys=[KEY]).tenants[0][1])


@pytest.fixture(scope="module")
def small(redis: Redis, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway that asks for a key and takes short bodies, within a second."""
    log = tmp_path_factory.mktemp("small") / "log"
    limits = {"max_request_bytes": 4096, "body_timeout_s": 1.0, "api_keys": [KEY]}
    with Gateway(redis.url, log, default_wait_s=0, **limits) as gateway:
        yield gateway.until_ready()


def lines(gateway: Gateway, request_id: str) -> list[dict[str, Any]]:
    """The lines of the gateway's log about a request, when there is one."""
    found = eventually(lambda: [line for line in gateway.log.splitlines() if request_id in line])
    return [json.loads(line) for line in found]


@pytest.mark.parametrize("sent", ["a", "A-b_c.d:9", "0" * 128])
def test_a_clients_id_is_kept(api: TestClient, sent: str) -> None:
    assert api.get("/livez", headers={"x-request-id": sent}).headers["x-request-id"] == sent


@pytest.mark.parametrize("sent", [None, "", "0" * 129, "a b", "a;b", "a/b", "\x1b[31m", "ä".encode(), "a\tb"])
def test_what_is_no_id_is_replaced(api: TestClient, sent: Any) -> None:
    headers = {} if sent is None else {"x-request-id": sent}
    first, second = (api.get("/livez", headers=headers).headers["x-request-id"] for _ in range(2))
    assert FRESH.fullmatch(first)
    assert FRESH.fullmatch(second)
    assert first != second


def test_of_two_ids_none_is_taken(gateway: Gateway) -> None:
    answer = raw_answer(
        gateway, b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX-Request-ID: a\r\nX-Request-ID: b\r\n\r\n"
    )
    [said] = re.findall(rb"(?im)^x-request-id: (.*)\r$", answer)
    assert FRESH.fullmatch(said.decode())


@pytest.mark.parametrize(
    ("method", "path", "more", "status"),
    [
        ("GET", "/livez", {}, 200),
        ("GET", "/jobs/nobody", {}, 404),
        ("GET", "/nowhere", {}, 404),
        ("PUT", "/livez", {"json": {}}, 405),
        ("GET", "/models", {"headers": {"authorization": "Bearer wrong"}}, 401),
        ("GET", "/models", {"headers": {"host": "evil.example"}}, 421),
        ("POST", "/generate", {"content": b"x" * 5000, "headers": {"content-type": "application/json"}}, 413),
        ("POST", "/generate", {"content": b"{}", "headers": {"content-type": "text/plain"}}, 415),
        ("POST", "/generate", {"content": b"{}", "headers": {"content-type": "application/json"}}, 422),
    ],
)
def test_every_answer_has_an_id_and_a_line(
    small: Gateway, method: str, path: str, more: dict[str, Any], status: int
) -> None:
    sent = f"{method}{path.replace('/', ':')}:{status}"
    headers = {"authorization": f"Bearer {KEY}", "x-request-id": sent} | more.get("headers", {})
    response = small.http.request(method, path, **{**more, "headers": headers})
    assert (response.status_code, response.headers["x-request-id"]) == (status, sent)
    if path != "/livez":
        [line] = lines(small, sent)
        assert (line["event"], line["status"], line["request_id"]) == ("request", status, sent)
        assert line["duration_ms"] >= 0


def test_probes_are_not_logged(small: Gateway) -> None:
    for path in ("/livez", "/readyz", "/metrics"):
        assert small.http.get(path, headers={"x-request-id": "probe"}).status_code == 200
    assert small.http.get("/nowhere", headers={"x-request-id": "after-the-probes"}).status_code == 401
    assert lines(small, "after-the-probes")
    assert '"probe"' not in small.log


def test_a_body_that_does_not_come_is_logged_as_it_was_answered(small: Gateway) -> None:
    sent = HEAD + b"Authorization: Bearer " + KEY.encode() + b"\r\nX-Request-ID: too-late\r\nContent-Length: 9\r\n\r\n{"
    answer = raw_answer(small, sent)
    assert status_of(answer) == 408
    assert b"x-request-id: too-late\r\n" in answer.lower()
    [line] = lines(small, "too-late")
    assert (line["event"], line["status"], line["route"]) == ("request", 408, "unmatched")


def test_what_never_was_a_request_has_an_id_too(small: Gateway) -> None:
    answer = raw_answer(small, b"GET / HTTP/1.1\r\nX: " + b"x" * 40_000)
    assert status_of(answer) == 431
    [said] = re.findall(rb"(?im)^x-request-id: (.*)\r$", answer)
    [line] = lines(small, said.decode())
    assert (line["event"], line["status"]) == ("connection_refused", 431)


def test_an_error_nobody_foresaw_has_an_id_a_line_and_a_count(small: Gateway, redis: Redis) -> None:
    redis.client.set(keys.job(NO_HASH), "a string where a hash should be")
    headers = {"authorization": f"Bearer {KEY}", "x-request-id": "unforeseen"}
    response = small.http.get(f"/jobs/{NO_HASH}?x=1", headers=headers)
    problem_of(response, 500)
    assert response.headers["x-request-id"] == "unforeseen"
    failed, answered = eventually(lambda: (found := lines(small, "unforeseen"))[1:] and found)
    assert (failed["event"], failed["route"]) == ("request_failed", "/jobs/{job_id}")
    assert "WRONGTYPE" in failed["exception"]
    assert (answered["event"], answered["status"]) == ("request", 500)
    count = 'smoothgen_http_requests_total{fault="gateway",method="GET",route="/jobs/{job_id}",status="500"} 1.0'
    assert count in small.http.get("/metrics").text


def test_a_job_carries_its_requests_id(api: TestClient, redis: Redis) -> None:
    response = api.post("/generate", json=request_body(), headers={"x-request-id": "with-the-job"})
    assert response.status_code == 202
    spec = redis.client.hget(keys.job(response.json()["id"]), "spec")
    assert JobSpec.model_validate_json(spec).request_id == "with-the-job"


def test_a_job_of_before_has_none(api: TestClient, redis: Redis) -> None:
    job = api.post("/generate", json=request_body()).json()["id"]
    spec = json.loads(redis.client.hget(keys.job(job), "spec"))
    del spec["request_id"]
    read = JobSpec.model_validate_json(json.dumps(spec))
    assert read.request_id is None
    assert read.log_fields == {"job": job}
