"""Bodies are read, measured and checked for UTF-8 before any route sees them, and JSON is read strictly."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any, TypeVar

from fastapi import HTTPException, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import problem_response
from smoothgen.contracts import Problem

Kind = TypeVar("Kind", bound=BaseModel)
_DISCARD_LIMIT = 64 * 1024 * 1024
"""A refused body is read and dropped up to here, so that the client sees the answer and not a broken pipe."""


class BodyGuard:
    """ASGI middleware: 413 for bodies beyond `limit(path)`, 400 for bodies that are not UTF-8."""

    def __init__(self, app: ASGIApp, *, limit: Callable[[str], int]) -> None:
        self._app, self._limit = app, limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the whole body on as one message, or answer with a problem."""
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS", "DELETE"):
            await self._app(scope, receive, send)
            return
        body = await guarded_body(receive, self._limit(scope["path"]))
        if body is None:
            return  # the client went away
        if isinstance(body, Problem):
            await problem_response(body)(scope, receive, send)
            return
        unread: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            return unread.pop() if unread else await receive()

        await self._app(scope, replay, send)


async def guarded_body(receive: Receive, limit: int) -> bytes | Problem | None:
    """The whole body, or why it is not taken: 413 beyond the limit, 400 for what is not UTF-8. None: the client went
    away."""
    body, total = await _read(receive, limit)
    if body is None:
        return None
    whole = bytes(body)
    return (_too_large(limit, total) if total > limit else _not_utf8(whole)) or whole


async def _read(receive: Receive, limit: int) -> tuple[bytearray | None, int]:
    """The body, kept up to one byte past `limit`, and how much of it there was."""
    kept, total = bytearray(), 0
    while total <= _DISCARD_LIMIT:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None, total
        chunk = message.get("body", b"")
        total += len(chunk)
        if total <= limit:
            kept += chunk
        if not message.get("more_body", False):
            break
    return kept, total


def _too_large(limit: int, total: int) -> Problem:
    size = f"{total} bytes" if total <= _DISCARD_LIMIT else f"more than {_DISCARD_LIMIT} bytes"
    return Problem.of(
        "body-too-large", "The body is too large", 413, f"the body has {size}; this path takes at most {limit}"
    )


def _not_utf8(body: bytes) -> Problem | None:
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as error:
        return Problem.of(
            "not-utf-8",
            "The body is not UTF-8",
            400,
            f"byte {body[error.start]:#04x} at position {error.start} is not UTF-8; send the body as UTF-8 JSON",
        )
    return None


async def read_json(request: Request) -> Any:
    """The body's JSON, read strictly, None where there is no body. Raises HTTPException as `json_of`."""
    return json_of(request.headers.get("content-type", ""), await request.body())


async def read_contract(request: Request, contract: type[Kind]) -> Kind:
    """The body as one of the wire contracts. Raises as `contract_of`."""
    return contract_of(request.headers.get("content-type", ""), await request.body(), contract)


def json_of(content_type: str, body: bytes) -> Any:
    """A body's JSON, read strictly, None where there is no body.

    Raises HTTPException: 415 for another content type, 400 for what is not JSON; endless numbers and nesting beyond the
    stack are refused like other non-JSON.
    """
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise HTTPException(415, f"content type {content_type!r:.100} is not taken; send application/json")
    if not body:
        return None
    text = body.decode("utf-8")  # decoded here, or json would take UTF-16 too
    try:
        value = _STRICT.decode(text)
        if "\\u" in text:
            _require_whole_characters(value)
        return value
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, f"the body is not JSON: {error}; send one JSON object") from error


def contract_of(content_type: str, body: bytes, contract: type[Kind]) -> Kind:
    """A body as one of the wire contracts. Raises HTTPException as `json_of`, RequestValidationError."""
    value = json_of(content_type, body)
    if value is None:
        raise RequestValidationError([{"type": "missing", "loc": ("body",), "msg": "", "input": None}])
    try:
        return contract.model_validate(value)
    except ValidationError as error:
        found = [{**e, "loc": ("body", *e["loc"])} for e in error.errors(include_url=False)]
        raise RequestValidationError(found, body=value) from error


def _require_whole_characters(value: Any) -> None:
    """Raises ValueError for an escaped half of a surrogate pair: it is no text, and nothing later could send it."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        half = error.object[error.start]
        raise ValueError(f"{half!a} is half a character; send both halves, or the character itself") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    if len(read) != len(pairs):
        [(twice, _)] = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"{twice!r:.80} is stated more than once in one object")
    return read


_STRICT = json.JSONDecoder(object_pairs_hook=_unique)
