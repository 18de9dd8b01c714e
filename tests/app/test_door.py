"""What is asked of a request before any of its body is read: host, key, content type, length."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.main import create_app
from app.settings import Settings
from tests.app.conftest import problem_of, request_body
from tests.support.attacks import HEAD, raw_answer, status_of
from tests.support.processes import Gateway, Redis

KEY = "a key of this test"
POSTS = ["/generate", "/certificates/verify", "/certificates/x/covers"]


@pytest.fixture(scope="module")
def keyed(redis: Redis, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway that asks for a key."""
    log = tmp_path_factory.mktemp("keyed") / "log"
    with Gateway(redis.url, log, default_wait_s=0, api_keys=["another", KEY]) as gateway:
        yield gateway.until_ready()


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize(
    "declared",
    ["text/plain", "text/plain; x=application/json", "application/x+jsonp", "application/a/b+json", "", None],
)
def test_what_a_web_page_can_send_unasked_is_no_json(api: TestClient, redis: Redis, path: str, declared: Any) -> None:
    before = redis.stream_lengths()
    headers = {} if declared is None else {"content-type": declared}
    problem = problem_of(api.post(path, content=json.dumps(request_body()).encode(), headers=headers), 415)
    assert "send application/json" in problem["detail"]
    assert redis.stream_lengths() == before


@pytest.mark.parametrize("declared", ["application/json", "Application/JSON; charset=utf-8", "application/merge+json"])
def test_json_under_any_of_its_names_is_taken(api: TestClient, declared: str) -> None:
    body = json.dumps(request_body()).encode()
    assert api.post("/generate", content=body, headers={"content-type": declared}).status_code == 202
    response = api.post("/certificates/verify", content=b"{}", headers={"content-type": declared})
    assert not response.json()["valid"]


def test_a_long_content_type_is_cut_in_the_answer(api: TestClient) -> None:
    problem = problem_of(api.post("/generate", content=b"{}", headers={"content-type": "x" * 20_000}), 415)
    assert len(problem["detail"]) < 300


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "127.0.0.1", "127.0.0.1:80", "[::1]:8000", "[::1]"])
def test_a_loopback_gateway_answers_to_its_loopback_names(api: TestClient, host: str) -> None:
    assert api.get("/livez", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "localhost.evil.example", "127.0.0.1.nip.io", "::1"]
)
@pytest.mark.parametrize("path", ["/livez", "/models", "/jobs/x"])
def test_a_page_whose_name_points_at_loopback_is_not_answered(api: TestClient, host: str, path: str) -> None:
    assert "SMOOTHGEN_ALLOWED_HOSTS" in problem_of(api.get(path, headers={"host": host}), 421)["detail"]


def test_a_request_without_a_host_is_not_answered(gateway: Gateway) -> None:
    for version in (b"1.0", b"1.1"):
        answer = raw_answer(gateway, b"GET /models HTTP/" + version + b"\r\n\r\n")
        assert status_of(answer) == 400
        assert b"send a Host header" in answer


@pytest.mark.parametrize(
    ("host", "allowed", "answered", "refused"),
    [
        ("127.0.0.1", ["gateway.example"], ["gateway.example", "Gateway.Example:443", "localhost"], ["evil.example"]),
        ("::1", [], ["[::1]:8000", "localhost"], ["evil.example"]),
        ("127.0.0.2", [], ["127.0.0.2:8000", "localhost"], ["127.0.0.3"]),
        ("localhost", [], ["localhost"], ["evil.example"]),
        ("0.0.0.0", [], ["gateway.example", "10.0.0.7"], []),
        ("0.0.0.0", ["gateway.example"], ["gateway.example", "127.0.0.1"], ["evil.example"]),
    ],
)
def test_which_hosts_are_answered_follows_from_binding_and_setting(
    redis: Redis, host: str, allowed: list[str], answered: list[str], refused: list[str]
) -> None:
    app = create_app(Settings(redis_url=redis.url, host=host, allowed_hosts=allowed))
    with TestClient(app, base_url="http://localhost") as client:
        for name in answered:
            assert client.get("/livez", headers={"host": name}).status_code == 200, name
        for name in refused:
            problem_of(client.get("/livez", headers={"host": name}), 421)


@pytest.mark.parametrize(
    "follows",
    [b"Content-Length: 8000000\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n", b"Content-Length: 8000000\r\n\r\n{"],
    ids=["declared", "chunked", "begun"],
)
@pytest.mark.parametrize("given", [b"", b"Authorization: Bearer wrong\r\n", b"Authorization: Basic YTpi\r\n"])
def test_without_a_key_the_answer_does_not_wait_for_the_body(keyed: Gateway, given: bytes, follows: bytes) -> None:
    answer = raw_answer(keyed, HEAD + given + follows)
    assert status_of(answer) == 401
    assert b"www-authenticate: Bearer" in answer
    assert b"connection: close" in answer.lower()


def test_without_a_key_nobody_is_told_to_go_on(keyed: Gateway) -> None:
    answer = raw_answer(keyed, HEAD + b"Expect: 100-continue\r\nContent-Length: 8000000\r\n\r\n")
    assert status_of(answer) == 401


@pytest.mark.parametrize(
    ("path", "length"), [("/generate", (8 << 20) + 1), ("/certificates/verify", 10**12), ("/no/such/path", 10**18)]
)
def test_a_length_beyond_the_limit_is_refused_before_the_body_comes(gateway: Gateway, path: str, length: int) -> None:
    head = HEAD.replace(b"/generate", path.encode())
    answer = raw_answer(gateway, head + f"Content-Length: {length}\r\n\r\n".encode())
    assert status_of(answer) == 413
    assert f"the body has {length} bytes".encode() in answer


def test_a_body_where_none_belongs_is_bounded_too(gateway: Gateway) -> None:
    for method in (b"GET", b"DELETE"):
        head = HEAD.replace(b"POST /generate", method + b" /jobs/x")
        assert status_of(raw_answer(gateway, head + b"Content-Length: 100000000\r\n\r\n")) == 413
        assert status_of(raw_answer(gateway, head + b"Content-Length: 2\r\n\r\n{}")) == 404


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics", "/docs/", "/openapi.json"])
def test_operations_and_description_need_no_key(keyed: Gateway, path: str) -> None:
    assert keyed.http.get(path).status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/models"),
        ("GET", "/fleet"),
        ("POST", "/generate"),
        ("GET", "/jobs/x"),
        ("DELETE", "/jobs/x"),
        ("GET", "/jobs/x/events"),
        ("GET", "/certificates/x"),
        ("POST", "/certificates/verify"),
        ("POST", "/certificates/x/covers"),
        ("GET", "/no/such/path"),
        ("GET", "/livez/"),
        ("GET", "//livez"),
    ],
)
def test_everything_else_does(keyed: Gateway, method: str, path: str) -> None:
    problem_of(keyed.http.request(method, path), 401)
    allowed = keyed.http.request(method, path, headers={"authorization": f"bearer {KEY}"})
    assert allowed.status_code not in (401, 500)


def test_a_wrong_host_is_told_no_more_with_a_key_than_without(keyed: Gateway) -> None:
    problem_of(keyed.http.get("/models", headers={"host": "evil.example", "authorization": f"Bearer {KEY}"}), 421)


def test_a_refusal_is_counted(keyed: Gateway, tmp_path: Path) -> None:
    keyed.http.get("/models")
    assert (
        'smoothgen_http_requests_total{fault="none",method="any",route="unmatched",status="401"}'
        in keyed.http.get("/metrics").text
    )
