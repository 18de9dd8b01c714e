"""Bodies over a real connection: what a plain client sends, and what it hears."""

from __future__ import annotations

import json
import select
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from app.settings import Settings
from tests.app.conftest import problem_of, request_body
from tests.support.attacks import status_of
from tests.support.processes import Gateway, Redis

MEGABYTE = b"x" * (1 << 20)
JSON = {"content-type": "application/json"}


def in_chunks(megabytes: int) -> Iterator[bytes]:
    for _ in range(megabytes):
        yield MEGABYTE


@pytest.mark.parametrize("path", ["/generate", "/certificates/verify", "/no/such/path"])
def test_50_mb_with_a_content_length_are_answered_413(gateway: Gateway, redis: Redis, path: str) -> None:
    before = redis.stream_lengths()
    headers = JSON | {"content-length": str(50 << 20)}
    problem = problem_of(gateway.http.post(path, content=in_chunks(50), headers=headers), 413)
    assert f"the body has {50 << 20} bytes" in problem["detail"]
    assert "this path takes at most" in problem["detail"]
    assert redis.stream_lengths() == before


def test_50_mb_in_chunks_are_answered_413(gateway: Gateway) -> None:
    problem_of(gateway.http.post("/generate", content=in_chunks(50), headers=JSON), 413)


def test_the_standard_librarys_client_hears_the_413(gateway: Gateway) -> None:
    request = urllib.request.Request(f"{gateway.url}/generate", data=MEGABYTE * 50, headers=JSON)
    with pytest.raises(urllib.error.HTTPError) as heard:
        urllib.request.urlopen(request, timeout=30)
    assert heard.value.code == 413
    assert json.load(heard.value)["title"] == "The body is too large"


def test_a_body_of_exactly_the_limit_is_read(gateway: Gateway) -> None:
    limit = Settings.model_fields["max_request_bytes"].default
    assert limit == 8 << 20
    body = json.dumps(request_body()).encode()
    padded = body + b" " * (limit - len(body))
    assert gateway.http.post("/generate", content=padded, headers=JSON).status_code == 202
    problem_of(gateway.http.post("/generate", content=padded + b" ", headers=JSON), 413)


def test_a_client_that_leaves_in_the_middle_of_its_body_queues_nothing(gateway: Gateway, redis: Redis) -> None:
    before = redis.stream_lengths()
    body = json.dumps(request_body()).encode()
    head = "POST /generate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    head += f"Content-Length: {len(body) + 1}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", gateway.port)) as client:
        client.sendall(head.encode() + body)
    assert gateway.http.get("/livez").status_code == 200
    assert redis.stream_lengths() == before
    assert "Traceback" not in gateway.log


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"NONSENSE\r\n\r\n",
        b"POST /generate HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        b"POST /generate HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"POST /generate HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
def test_what_is_no_http_is_refused_and_forgotten(gateway: Gateway, request_bytes: bytes) -> None:
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as client:
        client.sendall(request_bytes)
        client.shutdown(socket.SHUT_WR)
        assert client.recv(4096)[:12] in (b"HTTP/1.1 400", b"")
    assert gateway.http.get("/livez").status_code == 200
    assert "Traceback" not in gateway.log


def test_made_up_methods_and_paths_make_no_metric_series(gateway: Gateway) -> None:
    methods = ("PROPFIND", "MKCOL", "LOCK", "PURGE")  # of other protocols; HTTP parsers refuse what is no method at all
    for n, method in enumerate(methods):
        problem_of(httpx2.request(method, f"{gateway.url}/livez"), 405)
        problem_of(gateway.http.get(f"/made/up/{n}"), 404)
    assert httpx2.request("MADEUP", f"{gateway.url}/livez").status_code == 400
    page = gateway.http.get("/metrics").text
    assert not [method for method in (*methods, "MADEUP") if method in page]
    assert "made/up" not in page


def half_sent(gateway: Gateway, size: int) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", gateway.port), timeout=30)
    head = "POST /generate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    client.sendall(f"{head}Content-Length: {size}\r\n\r\n".encode() + b"[" * (size // 2))
    return client


def test_a_body_refused_for_want_of_room_leaves_its_room_to_others_at_once(redis: Redis, tmp_path: Path) -> None:
    size = 1 << 20
    with Gateway(redis.url, tmp_path / "log", max_held_bytes=size * 3 // 4) as gateway:
        gateway.until_ready()
        with half_sent(gateway, size) as one, half_sent(gateway, size) as other:
            # Together they do not fit. The rest of the refused one is dropped for seconds, and must hold no room.
            [refused], _, _ = select.select([one, other], [], [], 30)
            assert status_of(refused.recv(65536)) == 503
            accepted = other if refused is one else one
            accepted.sendall(b"[" * (size // 4))
            assert select.select([accepted], [], [], 0.5)[0] == []  # it is still being read
