"""Other spellings of a path, with a key that lacks the scope of its route and without a key."""

from __future__ import annotations

import json
import re

import pytest

from tests.security.conftest import Target
from tests.support.attacks import raw_answer, status_of
from tests.support.echo import asked
from tests.support.processes import TANH

METHODS = ["POST", "PUT", "PATCH", "GET", "OPTIONS", "DELETE"]
SPELLINGS = [
    "//generate",
    "/generate/",
    "/generate//",
    "/./generate",
    "/livez/../generate",
    "/console/../generate",
    "/console/..%2fgenerate",
    "/console/%2e%2e/generate",
    "/v1/models/../../generate",
    "/%67enerate",
    "/GENERATE",
    "/generate%2f",
    "/generate%00",
    "/generate%0a",
    "/generate%20",
    "/generate;a=b",
    "/generate%3fa=b",
    "/generate?a=b",
    "/generate#a",
    "/.\\generate",
    "http://localhost/generate",
]
"""Each of POST /generate, as a proxy, a router or a file system might read it."""
CLOSED = [
    "/models/../livez/../models",
    "/livez/../models",
    "/console/../models",
    "/console/..%2fmodels",
    "/docs/%2e%2e/models",
    "/redoc//models",
    "/metrics/../models",
    "//models",
    "/models/",
    "/Models",
    "/models%00",
    "http://localhost/models",
]
"""Each of GET /models, by way of paths that are open."""
FILES = [
    "/console/../files.py",
    "/console/..%2ffiles.py",
    "/console/..%5cfiles.py",
    "/console/%2e%2e/%2e%2e/settings.py",
    "/console//etc/passwd",
    "/console/%2fetc%2fpasswd",
    "/docs/..%2f..%2fsettings.py",
    "/redoc/....//....//settings.py",
    "/console/assets/..%2f..%2ffiles.py%00.js",
]
"""Files beside the pages, and far from them."""


def sent(target: Target, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    """The raw answer to a path exactly as it is written: an HTTP client would tidy it up."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", "Connection: close", "Content-Type: application/json"]
    lines += [f"{name}: {value}" for name, value in headers.items()] + [f"Content-Length: {len(body)}", "", ""]
    return raw_answer(target.gateway, "\r\n".join(lines).encode() + body)


@pytest.mark.parametrize("path", SPELLINGS)
def test_no_spelling_of_a_path_gets_past_the_scope_it_needs(target: Target, path: str) -> None:
    body, before = json.dumps(asked("a prompt")).encode(), target.jobs()
    for method in METHODS:
        answer = sent(target, method, path, target.reader, body)
        assert status_of(answer) in (307, 400, 403, 404, 405), answer
        if status_of(answer) == 307:  # whoever follows it needs the scope there
            assert re.search(rb"(?mi)^location: http://localhost/generate\r$", answer)
    assert target.jobs() == before


@pytest.mark.parametrize("path", CLOSED)
def test_no_open_path_leads_to_a_closed_one(target: Target, path: str) -> None:
    for method in ("GET", "POST"):
        answer = sent(target, method, path, {})
        assert status_of(answer) in (401, 404, 405), answer
        assert TANH.encode() not in answer


@pytest.mark.parametrize("path", FILES)
def test_no_path_of_a_page_leads_to_another_file(target: Target, path: str) -> None:
    assert status_of(sent(target, "GET", path, {})) == 404


def test_head_and_options_need_what_get_needs_and_do_nothing(target: Target) -> None:
    job = target.said("to be kept").json()["id"]
    for path in (f"/jobs/{job}", f"/certificates/{job}", "/models", "/webhooks"):
        assert target.http.head(path).status_code == 401
        assert target.http.options(path).status_code == 401
        assert target.http.head(path, headers=target.alice).status_code == 405
    for name in ("x-http-method-override", "x-http-method", "x-method-override"):
        assert target.http.get(f"/jobs/{job}", headers=target.alice | {name: "DELETE"}).status_code == 200
        assert target.http.post(f"/jobs/{job}", json={}, headers=target.alice | {name: "DELETE"}).status_code == 405
    assert target.http.get(f"/jobs/{job}", headers=target.alice).json()["output"]["text"] == "to be kept"
