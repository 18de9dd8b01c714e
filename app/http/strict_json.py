"""JSON is read strictly, within bounds that no honest request comes near, and off the event loop where it is long."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any, Final

from fastapi import HTTPException, Request
from fastapi.responses import Response
from fastapi.routing import APIRoute

from app.http.offloading import BoundedThreads

Handler = Callable[[Request], Coroutine[Any, Any, Response]]

MOST_VALUES: Final = 2_000
"""In the JSON of a request. The largest has 64 prompts; a request to generate has some fifty fields."""
_QUICK_BYTES: Final = 32 * 1024
"""Bodies up to this size are read on the event loop: handing them to a thread would take longer."""
LARGE_BYTES: Final = 1024 * 1024
"""Bodies larger than this are read one at a time."""


class StrictRequest(Request):
    """A request whose `json` is read strictly. FastAPI validates what `json` returns."""

    async def json(self) -> Any:
        """Returns the body's JSON, read once. Raises HTTPException as `parse` does, and Overloaded."""
        if not hasattr(self, "_json"):
            body = await self.body()
            if len(body) <= _QUICK_BYTES:
                self._json = parse(body)
            else:
                threads: BoundedThreads = self.app.state.gateway.threads
                self._json = await threads.run(parse, body, large=len(body) > LARGE_BYTES)
        return self._json


class StrictRoute(APIRoute):
    """A route that reads its body as StrictRequest."""

    def get_route_handler(self) -> Handler:
        """Returns FastAPI's own handler, given another class of request."""
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            strict = StrictRequest(request.scope, request.receive)
            # FastAPI would answer 400 for any exception while it reads the body, Overloaded among them.
            if self.body_field is not None and await strict.body():
                await strict.json()
            return await handler(strict)

        return handle


def parse(body: bytes) -> Any:
    """Returns a body's JSON.

    Raises HTTPException: 422 for more values than a request has, 400 for what is not JSON; endless
    numbers and nesting beyond the stack are refused like other non-JSON."""
    text = utf8(body)  # decoded here, or json would take UTF-16 too
    require_few_values(body, MOST_VALUES)
    try:
        value = _STRICT.decode(text)
        if "\\u" in text:
            _require_whole_characters(value)
        return value
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, f"the body is not JSON: {error}; send one JSON object") from error


def utf8(body: bytes) -> str:
    """Returns the text of a body. Raises HTTPException 400 for bytes that are not UTF-8."""
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise HTTPException(
            400, f"byte {body[error.start]:#04x} at position {error.start} is not UTF-8; send the body as UTF-8 JSON"
        ) from error


def require_few_values(body: bytes, most: int) -> None:
    """Raises HTTPException 422 where JSON text lists more than `most` values, before any of them is made.

    A value more is a comma more outside of strings; an opening bracket is counted too. It stops at the first too many,
    so that it costs as little for what is refused as for what is taken.
    """
    if len(body) <= 2 * most:  # a value takes a byte, and what parts it from the next another
        return
    count, at = 1, 0
    while count <= most:
        opened = body.find(b'"', at)
        count += _marks(body, at, len(body) if opened < 0 else opened)
        if opened < 0:
            break
        at = _string_end(body, opened + 1)
    if count > most:
        raise HTTPException(422, f"the body lists more than {most} values; no request here has so many")


def _string_end(body: bytes, at: int) -> int:
    """Returns where the string that began before `at` is over.

    In small steps: one search that knew of escapes would hold the
    interpreter for a third of a second."""
    while (end := body.find(b'"', at)) >= 0:
        inside = body[at:end]
        if (len(inside) - len(inside.rstrip(b"\\"))) % 2 == 0:  # else the quote is escaped
            return end + 1
        at = end + 1
    return len(body)


def _marks(body: bytes, start: int, end: int) -> int:
    return sum(body.count(mark, start, end) for mark in (b",", b"[", b"{"))


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
