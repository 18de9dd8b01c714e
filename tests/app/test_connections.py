"""Connections that send too much, too slowly or nothing, over real sockets."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.app.conftest import problem_of, request_body
from tests.support.attacks import HANG_S, HEAD, livez_watched, raw_answer, rss_mb, status_of, whole
from tests.support.processes import Gateway, Redis, eventually

JSON = {"content-type": "application/json"}
LIMIT = 32 * 1024
FEW = 20


@pytest.fixture(scope="module")
def strict(redis: Redis, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway of little patience, little room and few connections."""
    limits = {"header_timeout_s": 1.0, "body_timeout_s": 1.5, "max_connections": FEW, "max_held_bytes": 4 << 20}
    log = tmp_path_factory.mktemp("strict") / "log"
    with Gateway(redis.url, log, default_wait_s=0, **limits) as gateway:
        yield gateway.until_ready()


@pytest.fixture
def sockets() -> Iterator[ExitStack]:
    """Ends every connection a test opened."""
    with ExitStack() as stack:
        yield stack


def opened(gateway: Gateway, stack: ExitStack, sent: bytes = b"") -> socket.socket:
    client = stack.enter_context(socket.create_connection(("127.0.0.1", gateway.port), timeout=HANG_S))
    client.sendall(sent)
    return client


def answered(client: socket.socket) -> bytes:
    """One whole answer on a connection that stays open. Its head and its body may come in two parts."""
    said = b""
    while not whole(said):
        part = client.recv(65536)
        assert part, f"closed after {said!r}"
        said += part
    return said


def ended(client: socket.socket) -> bytes:
    """Everything that comes until the gateway closes the connection."""
    said = b""
    try:
        while part := client.recv(65536):
            said += part
    except ConnectionResetError:
        pass
    return said


@pytest.mark.parametrize("megabytes", [2.8, 5.6, 14])
@pytest.mark.parametrize("line", [b"Prefer: wait=1\r\n", b"a: \r\n", b"X-Other: " + b"x" * 8000 + b"\r\n"])
def test_megabytes_of_headers_are_refused_at_the_limit(gateway: Gateway, megabytes: float, line: bytes) -> None:
    lines = line * int(megabytes * 1e6 / len(line))
    with livez_watched(gateway):
        answer = raw_answer(gateway, HEAD + lines + b"\r\n")
    assert status_of(answer) == 431
    assert f"more than {LIMIT} bytes".encode() in answer
    assert rss_mb(gateway) < 300


@pytest.mark.parametrize(
    "sent",
    [HEAD + b"X: " + b"a" * 50_000_000, b"GET /" + b"a" * 50_000_000, b"\r\n" * 25_000_000],
    ids=["one header", "the request line", "blank lines"],
)
def test_a_head_without_end_is_cut(gateway: Gateway, sent: bytes) -> None:
    with livez_watched(gateway):
        assert status_of(raw_answer(gateway, sent)) in (431, 400)
    assert rss_mb(gateway) < 300


def test_headers_just_below_the_limit_are_taken(gateway: Gateway) -> None:
    end = b"\r\n\r\n"
    head = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX: "
    assert status_of(raw_answer(gateway, head + b"a" * (LIMIT - len(head) - len(end)) + end)) == 200
    assert status_of(raw_answer(gateway, head + b"a" * (LIMIT - len(head) - len(end) + 1) + end)) == 431


def test_repeated_prefer_headers_are_read_as_one_list(gateway: Gateway) -> None:
    body = json.dumps(request_body()).encode()
    lines = b"Prefer: x=1\r\n" * 2_000 + b"Prefer: respond-async\r\n" + f"Content-Length: {len(body)}\r\n\r\n".encode()
    assert status_of(raw_answer(gateway, HEAD + lines + body)) == 202


def test_the_second_request_of_a_connection_has_a_limit_of_its_own(gateway: Gateway, sockets: ExitStack) -> None:
    ask = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * (LIMIT - 1000) + b"\r\n\r\n"
    client = opened(gateway, sockets)
    for _ in range(3):
        client.sendall(ask)
        assert answered(client).startswith(b"HTTP/1.1 200")
    client.sendall(ask.replace(b"a" * 1000, b"a" * 3000))
    assert ended(client).startswith(b"HTTP/1.1 431")


def test_a_body_sent_in_reasonable_chunks_is_taken(gateway: Gateway) -> None:
    body = json.dumps(request_body()).encode() + b" " * 4_000_000
    chunks = (body[i : i + 1024] for i in range(0, len(body), 1024))
    assert gateway.http.post("/generate", content=chunks, headers=JSON).status_code == 202


@pytest.mark.parametrize(
    "body",
    [b"1\r\n \r\n" * 2_000_000, b"1;" + b"a" * 20_000_000, b"1\r\n{\r\n0\r\n" + b"a: b\r\n" * 2_000_000],
    ids=["chunks of a byte", "an extension without end", "trailers without end"],
)
def test_what_surrounds_a_chunked_body_is_bounded(gateway: Gateway, body: bytes) -> None:
    with livez_watched(gateway):
        assert status_of(raw_answer(gateway, HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + body)) == 400
    assert rss_mb(gateway) < 300


def test_thousands_of_requests_at_once_on_one_connection_are_cut(gateway: Gateway, sockets: ExitStack) -> None:
    ask = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with livez_watched(gateway):
        client = opened(gateway, sockets, ask * 2_000)
        assert ended(client).count(b"HTTP/1.1 200") < 2_000
    few = opened(gateway, sockets, ask * 5)
    eventually(lambda: few.recv(65536, socket.MSG_PEEK).count(b"HTTP/1.1 200") == 5)


@pytest.mark.parametrize("begun", [HEAD, HEAD + b"X: ", b"P", b"\r\n"])
def test_a_head_that_does_not_come_whole_is_answered_408(strict: Gateway, sockets: ExitStack, begun: bytes) -> None:
    said = ended(opened(strict, sockets, begun))
    assert said.startswith(b"HTTP/1.1 408")
    assert b"the headers did not come whole within 1 s" in said


def test_a_head_that_trickles_is_cut_all_the_same(strict: Gateway, sockets: ExitStack) -> None:
    client = opened(strict, sockets, HEAD)
    client.settimeout(0.1)
    said, deadline = b"", time.monotonic() + HANG_S
    while not said and time.monotonic() < deadline:
        client.sendall(b"a: b\r\n")
        with contextlib.suppress(TimeoutError):
            said = client.recv(65536)
    assert said.startswith(b"HTTP/1.1 408")


def test_a_silent_connection_is_closed(strict: Gateway, sockets: ExitStack) -> None:
    assert ended(opened(strict, sockets)) == b""


def test_a_second_head_that_does_not_come_whole_is_cut(strict: Gateway, sockets: ExitStack) -> None:
    client = opened(strict, sockets, b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert answered(client).startswith(b"HTTP/1.1 200")
    client.sendall(b"GET /liv")
    assert ended(client).startswith(b"HTTP/1.1 408")


@pytest.mark.parametrize(
    "begun",
    [
        b"Content-Length: 1000\r\n\r\n",
        b"Content-Length: 1000\r\n\r\n{",
        b"Transfer-Encoding: chunked\r\n\r\n3\r\n{  \r\n",
        b"Content-Length: 3000000\r\n\r\n" + b" " * 2_999_999,
    ],
    ids=["not begun", "begun", "chunked", "a byte short"],
)
def test_a_body_that_does_not_come_whole_is_answered_408(
    strict: Gateway, redis: Redis, sockets: ExitStack, begun: bytes
) -> None:
    before = redis.stream_lengths()
    said = ended(opened(strict, sockets, HEAD + begun))
    assert said.startswith(b"HTTP/1.1 408")
    assert b"the body did not come whole within 1.5 s" in said
    assert redis.stream_lengths() == before
    assert "Traceback" not in strict.log


def test_half_sent_bodies_are_bounded_together_and_their_room_comes_back(strict: Gateway, sockets: ExitStack) -> None:
    halves = [opened(strict, sockets, HEAD + b"Content-Length: 1500000\r\n\r\n" + b" " * 1_400_000) for _ in range(8)]
    with livez_watched(strict):
        said = [ended(half) for half in halves]
    assert {status_of(answer) for answer in said} == {408, 503}
    refused = next(answer for answer in said if status_of(answer) == 503)
    assert b"retry-after: 2" in refused.lower()
    large = json.dumps(request_body()).encode() + b" " * 3_000_000
    eventually(lambda: strict.http.post("/generate", content=large, headers=JSON).status_code == 202)
    assert rss_mb(strict) < 300


def test_small_bodies_pass_while_large_ones_fill_the_room(strict: Gateway, sockets: ExitStack) -> None:
    for _ in range(8):
        opened(strict, sockets, HEAD + b"Content-Length: 1500000\r\n\r\n" + b" " * 1_400_000)
    assert strict.http.post("/generate", json=request_body()).status_code == 202


@pytest.mark.parametrize("begun", [b"", HEAD, HEAD + b"Content-Length: 1000\r\n\r\n{"], ids=["silent", "head", "body"])
def test_connections_that_only_wait_make_room_for_those_that_ask(
    strict: Gateway, sockets: ExitStack, begun: bytes
) -> None:
    for _ in range(4 * FEW):
        try:
            opened(strict, sockets, begun)
        except ConnectionError:  # closed for another before it said a word
            continue
        assert strict.http.get("/livez").status_code == 200


def test_when_every_connection_is_at_work_the_next_is_told(strict: Gateway, sockets: ExitStack) -> None:
    job = strict.http.post("/generate", json=request_body()).json()["id"]
    follow = f"GET /jobs/{job}/events HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    for _ in range(FEW):
        assert opened(strict, sockets, follow).recv(4096).startswith(b"HTTP/1.1 200")
    answer = raw_answer(strict, b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert status_of(answer) == 503
    assert b"20 connections are open" in answer
    sockets.close()
    eventually(lambda: status_of(raw_answer(strict, b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")) == 200)


def test_an_upgrade_is_an_ordinary_request(gateway: Gateway) -> None:
    upgrade = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    assert status_of(raw_answer(gateway, upgrade)) == 200


def test_a_body_in_chunks_beyond_the_limit_is_refused_while_it_comes(gateway: Gateway) -> None:
    chunk = b"100000\r\n" + b" " * (1 << 20) + b"\r\n"
    answer = raw_answer(gateway, HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 9)
    assert status_of(answer) == 413
    problem_of(gateway.http.post("/generate", content=(b" " * (1 << 20) for _ in range(9)), headers=JSON), 413)
