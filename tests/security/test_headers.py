"""Header fields that try to end early, to bring another field along, or to name another host or client."""

from __future__ import annotations

import pytest

from tests.security.conftest import Target
from tests.support.attacks import raw_answer, status_of
from tests.support.echo import ECHO

MODELS = b"GET /models HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
SMUGGLED = b"0\r\n\r\nGET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"


def with_key(target: Target) -> bytes:
    return f"Authorization: {target.alice['authorization']}\r\n".encode()


@pytest.mark.parametrize("name", [b"X-Request-ID", b"Idempotency-Key", b"Prefer", b"traceparent"])
@pytest.mark.parametrize("value", [b"a\rX-Evil: b", b"a\nX-Evil: b", b"a\x00b", b"a\r\n X-Evil: b", b"a\x0bX-Evil: b"])
def test_a_field_with_a_control_character_is_refused(target: Target, name: bytes, value: bytes) -> None:
    answer = raw_answer(target.gateway, MODELS + with_key(target) + name + b": " + value + b"\r\n\r\n")
    head = answer.partition(b"\r\n\r\n")[0].lower()
    assert b"x-evil" not in head
    assert status_of(answer) == 400 or value == b"a\x0bX-Evil: b"


@pytest.mark.parametrize("line", [b"X Y: a", b"X-A : a", b" X-A: a", b"X-A\x00: a", b": a", b"X-A"])
def test_a_line_that_is_no_field_is_refused(target: Target, line: bytes) -> None:
    assert status_of(raw_answer(target.gateway, MODELS + with_key(target) + line + b"\r\n\r\n")) == 400


@pytest.mark.parametrize("text", ["%0d%0aX-Evil:%20b", "%0aX-Evil:%20b", "a%00b", "\u2028"])
def test_an_encoded_line_end_in_a_path_stays_out_of_the_head(target: Target, text: str) -> None:
    for path in (f"/{text}", f"/jobs/{text}", f"/v1/models/{text}", f"/generate/{text}/", f"/models?{text}"):
        answer = target.http.get(path, headers=target.alice, follow_redirects=False)
        assert "x-evil" not in answer.headers
        assert answer.status_code in (200, 404)


def test_metadata_of_a_client_gets_into_no_header(target: Target) -> None:
    body = {
        "model": ECHO,
        "messages": [{"role": "user", "content": "a\r\nX-Evil: b"}],
        "metadata": {"X-Evil": "a\r\nX-Evil: b", "a\r\nX-Evil": "b"},
        "smoothgen": {"robustness": {"samples": 20, "selection_samples": 8, "tolerance": 0.5}},
    }
    answer = target.http.post("/v1/chat/completions", json=body, headers=target.alice)
    assert answer.status_code == 200, answer.text
    assert "evil" not in str(answer.headers).lower()


@pytest.mark.parametrize(
    "fields",
    [
        b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
        b"Transfer-Encoding: chunked, identity\r\n",
        b"Transfer-Encoding: xchunked\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        b"Content-Length: 0\r\nContent-Length: 56\r\n",
        b"Content-Length: +56\r\n",
        b"Content-Length: 0x38\r\n",
        b"Content-Length: 5 6\r\n",
    ],
)
def test_a_body_of_two_lengths_is_refused_and_no_request_hides_in_it(target: Target, fields: bytes) -> None:
    head = b"POST /generate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" + with_key(target)
    answer = raw_answer(target.gateway, head + fields + b"\r\n" + SMUGGLED)
    assert status_of(answer) == 400, answer
    assert answer.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize("second", [b"evil.example", b"localhost", b""])
def test_a_request_that_names_two_hosts_is_refused(target: Target, second: bytes) -> None:
    answer = raw_answer(target.gateway, MODELS + with_key(target) + b"Host: " + second + b"\r\n\r\n")
    assert status_of(answer) == 400
    assert b"two hosts" in answer


def test_forwarded_fields_change_neither_host_nor_caller_nor_path(target: Target) -> None:
    fields = {
        "forwarded": "for=127.0.0.1;host=evil.example;proto=https",
        "x-forwarded-host": "evil.example",
        "x-forwarded-for": "127.0.0.1",
        "x-forwarded-prefix": "/evil",
        "x-original-url": "/livez",
        "x-rewrite-url": "/livez",
        "x-remote-user": "alice",
    }
    assert target.http.get("/models", headers=fields).status_code == 401
    moved = target.http.get("/models/", headers=fields | target.alice, follow_redirects=False)
    assert moved.headers["location"] == f"{target.gateway.url}/models"
    misdirected = target.http.get("/models", headers=fields | target.alice | {"host": "evil.example"})
    assert misdirected.status_code == 421


def test_of_two_keys_the_first_is_looked_at_alone(target: Target) -> None:
    wrong = b"Authorization: Bearer wrong\r\n"
    assert status_of(raw_answer(target.gateway, MODELS + wrong + with_key(target) + b"\r\n")) == 401


def test_answers_to_a_key_are_kept_by_no_cache(target: Target) -> None:
    job = target.said("private").json()["id"]
    for path in (f"/jobs/{job}", f"/jobs/{job}/output", f"/certificates/{job}", "/models", "/jobs", "/no/such"):
        answer = target.http.get(path, headers=target.alice)
        assert answer.headers["cache-control"] == "no-store", path
    assert target.said("private").headers["cache-control"] == "no-store"
    assert target.http.get("/models").headers["cache-control"] == "no-store"
    jwks = target.http.get("/.well-known/jwks.json")
    assert (jwks.status_code, jwks.headers["cache-control"]) == (200, "public, max-age=300")
    assert jwks.json()["keys"]
