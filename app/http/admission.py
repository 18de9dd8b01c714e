"""What a request must show before any of its body is read: a name this gateway is asked by, a key, a content type, a
length."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.access.caller import ANYONE_CALLS
from app.access.keyring import Accepted
from app.access.limit_fields import limit_fields
from app.http.body import FREE_BYTES, Body, Held, replayed, too_large
from app.http.gate import Gate, Refusal
from app.http.hosts import known_hosts, wrong_host
from app.http.problems import problem_response
from app.settings import Settings
from smoothgen.contracts import Problem

OPEN_PATHS: Final = frozenset(
    {
        "/livez",
        "/readyz",
        "/metrics",
        "/console",
        "/docs",
        "/redoc",
        "/openapi.json",
        "/.well-known/jwks.json",
    }
)
"""Paths that are answered without a key."""
_OPEN_FOLDERS: Final = ("/console/", "/docs/", "/redoc/")
"""What the paths of pages for browsers begin with, which are answered without a key too: the same files for all."""
_UNREAD: Final = frozenset({"GET", "HEAD", "OPTIONS", "DELETE"})
"""Methods for which no route reads a body."""
_HEADERS: Final = frozenset({b"authorization", b"content-type", b"content-length", b"transfer-encoding"})
_AGAIN: Final = frozenset({429, 503})
_BODIES_RETRY_S: Final = "2"
_LINGER_S: Final = 5.0
_LINGER_BYTES: Final = 64 * 1024 * 1024
"""The most bytes of a refused body that are read and dropped, so that the client sees the answer."""
_LONGEST_SHOWN: Final = 100


def is_open(path: str) -> bool:
    """Returns whether a path is answered without a key."""
    return path in OPEN_PATHS or path.startswith(_OPEN_FOLDERS)


class Admission:
    """ASGI middleware around every route, in this order: 400 or 421 for another host; 401, 403, 429 or 503 by the key
    (`app.http.gate`); 415 for what is not JSON; 413 for a body too large. Only then is the body read, and handed on as
    one message."""

    def __init__(self, app: ASGIApp, *, settings: Settings) -> None:
        self._app, self._settings = app, settings
        self._hosts = known_hosts(settings)
        self._gate = Gate(settings)
        self._held = Held(settings.max_held_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Lets the request in, or answers with a problem."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = _first_values(scope)
        body_follows = b"transfer-encoding" in headers or headers.get(b"content-length", b"0") != b"0"
        accepted = await self._accepted(scope, headers)
        if isinstance(accepted, Refusal):
            await _refuse(accepted, body_follows, scope, receive, _telling_limits(scope, send))
            return
        scope["state"]["caller"], scope["state"]["key"] = accepted.caller, accepted.record
        with self._gate.counting(accepted) as held_by_key:
            if (problem := self._unfit(scope, headers, body_follows)) is not None:
                await _refuse(Refusal(problem), body_follows, scope, receive, _telling_limits(scope, send))
            elif body_follows:
                await self._with_body(held_by_key, scope, receive, _telling_limits(scope, send))
            else:
                await self._app(scope, receive, _telling_limits(scope, send))

    async def _accepted(self, scope: Scope, headers: Mapping[bytes, bytes]) -> Accepted | Refusal:
        scope.setdefault("state", {})["limits"] = []
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        if (problem := wrong_host(hosts, self._hosts)) is not None:
            return Refusal(problem)
        if is_open(scope["path"]):
            return Accepted(ANYONE_CALLS)
        return await self._gate.admit(scope["app"].state.gateway, scope, headers.get(b"authorization", b""))

    async def _with_body(self, held_by_key: Held | None, scope: Scope, receive: Receive, send: Send) -> None:
        body = Body(self._held, held_by_key)
        try:
            read = await body.read(receive, self._limit(scope))
            if isinstance(read, Problem):
                body.release()  # before the rest is dropped, which takes seconds: others could be read meanwhile
                headers = {"Retry-After": _BODIES_RETRY_S} if read.status in _AGAIN else {}
                await _refuse(Refusal(read, headers), True, scope, receive, send)
            elif read is not None:
                handed = replayed(read, receive)
                del read
                await self._app(scope, handed, send)
        finally:
            body.release()

    def _unfit(self, scope: Scope, headers: Mapping[bytes, bytes], body_follows: bool) -> Problem | None:
        """Returns the problem of a request whose body is not to be read, None for any other."""
        sends_json = body_follows and scope["method"] not in _UNREAD
        if sends_json and not is_json(content_type := headers.get(b"content-type", b"")):
            shown = content_type.decode("latin-1")[:_LONGEST_SHOWN]
            return Problem.of(
                "unsupported-media-type",
                "Unsupported Media Type",
                415,
                f"content type {shown!r} is not taken; send application/json",
            )
        if body_follows and (declared := int(headers.get(b"content-length", b"0"))) > (limit := self._limit(scope)):
            return too_large(limit, f"{declared} bytes")
        return None

    def _limit(self, scope: Scope) -> int:
        if scope["method"] in _UNREAD:
            return FREE_BYTES
        certificates = scope["path"].startswith("/certificates")
        return self._settings.max_certificate_bytes if certificates else self._settings.max_request_bytes


def _telling_limits(scope: Scope, send: Send) -> Send:
    """Returns a `send` that tells, with the head of the answer, what the key may still use."""

    async def telling(message: Message) -> None:
        if message["type"] == "http.response.start" and scope["state"]["limits"]:
            MutableHeaders(scope=message).update(limit_fields(scope["state"]["limits"]))
        await send(message)

    return telling


def is_json(content_type: bytes) -> bool:
    """Returns whether a Content-Type header says JSON, as FastAPI reads it.

    A page of another site cannot send such a header without asking first (CORS).
    """
    kind, _, subtype = content_type.partition(b";")[0].strip().lower().partition(b"/")
    return kind == b"application" and b"/" not in subtype and (subtype == b"json" or subtype.endswith(b"+json"))


def _first_values(scope: Scope) -> dict[bytes, bytes]:
    """Returns the first value of each header that is looked at here; ASGI has names in small letters."""
    found: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        if name in _HEADERS:
            found.setdefault(name, value)
    return found


async def _refuse(refusal: Refusal, body_follows: bool, scope: Scope, receive: Receive, send: Send) -> None:
    """Answers before the body was read. What is still being sent is dropped for a moment, and the connection closed: a
    client that hears of a broken connection before it has sent everything does not look for an answer."""
    response = problem_response(refusal.problem, refusal.headers, path=scope["path"])
    if not body_follows:
        await response(scope, receive, send)
        return
    response.headers["Connection"] = "close"
    await send({"type": "http.response.start", "status": response.status_code, "headers": response.raw_headers})
    await send({"type": "http.response.body", "body": response.body, "more_body": True})
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LINGER_S):
            await _drop(receive)
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _drop(receive: Receive) -> None:
    total = 0
    while total < _LINGER_BYTES:
        message = await receive()
        if message["type"] != "http.request" or not message.get("more_body", False):
            return
        total += len(message.get("body", b""))
