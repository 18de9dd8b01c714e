"""What a request must show before any of its body is read: a name this gateway is asked by, a key, a content type, a
length."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import ipaddress
from collections.abc import Collection, Mapping
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from app.http.body import FREE_BYTES, Body, Held, replayed, too_large
from app.http.problems import problem_response
from app.settings import Settings
from smoothgen.contracts import Problem
from smoothgen.queue import ANYONE

OPEN_PATHS: Final = frozenset({"/livez", "/readyz", "/metrics", "/console", "/docs", "/redoc", "/openapi.json"})
"""Paths that are answered without a key."""
_OPEN_FOLDERS: Final = ("/console/", "/docs/", "/redoc/")
"""What the paths of pages for browsers begin with, which are answered without a key too: the same files for all."""
_UNREAD: Final = frozenset({"GET", "HEAD", "OPTIONS", "DELETE"})
"""Methods for which no route reads a body."""
_HEADERS: Final = frozenset({b"host", b"authorization", b"content-type", b"content-length", b"transfer-encoding"})
_MORE_HEADERS: Final = {401: {"WWW-Authenticate": "Bearer"}, 503: {"Retry-After": "2"}}
_LINGER_S: Final = 5.0
_LINGER_BYTES: Final = 64 * 1024 * 1024
"""The most bytes of a refused body that are read and dropped, so that the client sees the answer."""
_LONGEST_SHOWN: Final = 100


class Admission:
    """ASGI middleware around every route, in this order: 400 or 421 for another host, 401 without a key, 415 for what
    is not JSON, 413 for a body too large; only then is the body read, and handed on as one message."""

    def __init__(self, app: ASGIApp, *, settings: Settings) -> None:
        self._app, self._settings = app, settings
        self._tenants = [(key.encode(), tenant) for key, tenant in settings.tenants]
        self._hosts = known_hosts(settings)
        self._held = Held(settings.max_held_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Lets the request in, or answers with a problem."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = _first_values(scope)
        tenant = self._tenant(headers.get(b"authorization", b"")) if self._tenants else ANYONE
        scope.setdefault("state", {})["tenant"] = tenant
        body_follows = b"transfer-encoding" in headers or headers.get(b"content-length", b"0") != b"0"
        problem = self._refusal(scope, headers, body_follows, known=tenant is not None)
        if problem is None and body_follows:
            await self._with_body(scope, receive, send)
        elif problem is None:
            await self._app(scope, receive, send)
        else:
            await _refuse(problem, body_follows, scope, receive, send)

    async def _with_body(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = Body(self._held)
        try:
            read = await body.read(receive, self._limit(scope))
            if isinstance(read, Problem):
                body.release()  # before the rest is dropped, which takes seconds: others could be read meanwhile
                await _refuse(read, True, scope, receive, send)
            elif read is not None:
                handed = replayed(read, receive)
                del read
                await self._app(scope, handed, send)
        finally:
            body.release()

    def _refusal(
        self, scope: Scope, headers: Mapping[bytes, bytes], body_follows: bool, *, known: bool
    ) -> Problem | None:
        if self._hosts is not None and (problem := _wrong_host(headers.get(b"host"), self._hosts)) is not None:
            return problem
        if not known and scope["path"] not in OPEN_PATHS and not scope["path"].startswith(_OPEN_FOLDERS):
            return Problem.of(
                "unauthorized", "Unauthorized", 401, "send a known API key as 'Authorization: Bearer <key>'"
            )
        sends_json = scope["method"] == "POST" or (body_follows and scope["method"] not in _UNREAD)
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

    def _tenant(self, authorization: bytes) -> str | None:
        """Returns the name of the tenant whose key the header carries, None where it carries no known key."""
        scheme, _, given = authorization.partition(b" ")
        if scheme.lower() != b"bearer":
            return None
        # Every key is compared, each in constant time, so that the time does not tell how close a guess was.
        found = [tenant for key, tenant in self._tenants if hmac.compare_digest(given.strip(), key)]
        return found[0] if found else None


def is_json(content_type: bytes) -> bool:
    """Returns whether a Content-Type header says JSON, as FastAPI reads it.

    A page of another site cannot send such a header without asking first (CORS).
    """
    kind, _, subtype = content_type.partition(b";")[0].strip().lower().partition(b"/")
    return kind == b"application" and b"/" not in subtype and (subtype == b"json" or subtype.endswith(b"+json"))


def known_hosts(settings: Settings) -> frozenset[str] | None:
    """Returns the names in `Host` that are answered; None: any.

    A gateway on loopback is reached by every page in the machine's browsers, and a page whose name its owner points at
    127.0.0.1 may even read the answers; but the browser still sends that page's name.
    """
    bound = settings.host.strip("[]").lower()
    if not settings.allowed_hosts and not _is_loopback(bound):
        return None
    return frozenset(
        {bound, "localhost", "127.0.0.1", "::1", *(name.strip("[]").lower() for name in settings.allowed_hosts)}
    )


def open_to_strangers(settings: Settings) -> bool:
    """Returns whether the gateway asks for no key and may be reached from other machines."""
    return not settings.tenants and not _is_loopback(settings.host.strip("[]").lower())


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _wrong_host(header: bytes | None, known: Collection[str]) -> Problem | None:
    if not header:
        return Problem.of("malformed-request", "Bad Request", 400, "the request names no host; send a Host header")
    text = header.decode("latin-1").strip().lower()
    name = text[1:].partition("]")[0] if text.startswith("[") else text.partition(":")[0]
    if name in known:
        return None
    return Problem.of(
        "misdirected-request",
        "Misdirected Request",
        421,
        f"this gateway is not asked by the host name {name[:_LONGEST_SHOWN]!r}; use 127.0.0.1, or add the name to "
        "SMOOTHGEN_ALLOWED_HOSTS",
    )


def _first_values(scope: Scope) -> dict[bytes, bytes]:
    """Returns the first value of each header that is looked at here; ASGI has names in small letters."""
    found: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        if name in _HEADERS:
            found.setdefault(name, value)
    return found


async def _refuse(problem: Problem, body_follows: bool, scope: Scope, receive: Receive, send: Send) -> None:
    """Answers before the body was read. What is still being sent is dropped for a moment, and the connection closed: a
    client that hears of a broken connection before it has sent everything does not look for an answer."""
    response = problem_response(problem, _MORE_HEADERS.get(problem.status), path=scope["path"])
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
