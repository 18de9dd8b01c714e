"""One table: which exception becomes which problem document (RFC 9457)."""

from __future__ import annotations

import json
import reprlib
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from app.http.openai_errors import OPENAI_PATHS, openai_error
from smoothgen.contracts import FieldError, Problem
from smoothgen.errors import (
    Conflict,
    InvalidInput,
    LedgerUnavailable,
    NoAnswer,
    NotFound,
    NotReplicated,
    NoWorker,
    Overloaded,
    QueueUnavailable,
    QuotaExceeded,
    SmoothGenError,
)

PROBLEM_JSON = "application/problem+json"
_LONGEST_VALUE = 120
_LONGEST_NAME = 80
_LONGEST_DETAIL = 1_000
_MOST_ERRORS = 20
_MOST_BYTES = 64 * 1024

_TABLE: tuple[tuple[type[SmoothGenError], int, str, str, Mapping[str, str]], ...] = (
    (NotFound, 404, "not-found", "Not found", {}),
    (Conflict, 409, "conflict", "The request contradicts an earlier one", {}),
    (NotReplicated, 503, "not-replicated", "Replicas of the queue did not confirm in time", {"Retry-After": "2"}),
    (
        QueueUnavailable,
        503,
        "queue-unavailable",
        "The queue cannot be reached",
        {"Retry-After": "2"},
    ),
    (LedgerUnavailable, 503, "ledger-unavailable", "The ledger cannot be read", {"Retry-After": "5"}),
    (NoWorker, 503, "no-worker", "No worker serves this model now", {"Retry-After": "30"}),
    (NoAnswer, 504, "no-answer", "No worker answered in time", {"Retry-After": "10"}),
    (QuotaExceeded, 429, "quota-exceeded", "The key's quota does not have room for this job", {}),
    (Overloaded, 429, "overloaded", "More work waits than the server takes", {}),
    (InvalidInput, 422, "invalid-request", "The request cannot be served as written", {}),
)


def problem_response(problem: Problem, headers: Mapping[str, str] | None = None, *, path: str = "") -> Response:
    """Returns a problem document as an HTTP response of at most 64 kB, however long what it quotes is.

    path: of the request. Under /v1 the problem is told in OpenAI's form, which is all that its clients read.
    """
    if path.startswith(OPENAI_PATHS):
        return openai_error(problem, headers or {})
    errors = problem.errors or []
    shown = errors[:_MOST_ERRORS]
    while True:
        body = _written(problem, shown, len(errors) - len(shown))
        if len(body) <= _MOST_BYTES or not shown:
            break
        shown = shown[: len(shown) // 2]
    return Response(body, status_code=problem.status, media_type=PROBLEM_JSON, headers=dict(headers or {}))


def _written(problem: Problem, shown: list[FieldError], left_out: int) -> bytes:
    detail = shortened(problem.detail, _LONGEST_DETAIL)
    if left_out:
        detail += f"; {left_out} more errors are not listed"
    about = problem.model_copy(update={"detail": detail, "errors": shown or None})
    # Not model_dump_json: a stranger's field names may hold half a character pair, which UTF-8 cannot carry.
    return json.dumps(about.model_dump(exclude_none=True)).encode()


def shortened(text: str, most: int) -> str:
    """Returns the text, cut after `most` characters with a note of how many there were."""
    return text if len(text) <= most else f"{text[:most]}… ({len(text)} characters)"


def install(app: FastAPI) -> None:
    """Has our errors and FastAPI's answered with a problem document.

    `app.http.request_metrics` answers the unforeseen ones.
    """
    for kind, handler in _HANDLERS:
        app.add_exception_handler(kind, handler)


async def _known(request: Request, error: Exception) -> Response:
    for kind, status, name, title, headers in _TABLE:
        if isinstance(error, kind):
            field = getattr(error, "field", None)
            if isinstance(error, Overloaded):
                headers = {"Retry-After": str(error.retry_after_s)}
            detail = shortened(str(error), _LONGEST_DETAIL)
            errors = [FieldError(pointer="/" + field.replace(".", "/"), detail=detail)] if field else None
            problem = Problem.of(name, title, status, detail, errors=errors)
            return problem_response(problem, headers, path=request.url.path)
    raise error


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101  narrows the type FastAPI promises
    found = error.errors()
    errors = [_field_error(e, error.body) for e in found[:_MOST_ERRORS]]
    first = errors[0]
    where = first.pointer or _parameter(found[0]["loc"])
    detail = f"{where}: {first.detail}" + ("" if first.value is None else f" (got {first.value})")
    if len(found) > len(errors):
        detail += f"; {len(found) - len(errors)} more errors are not listed"
    problem = Problem.of("invalid-request", "The request cannot be served as written", 422, detail, errors=errors)
    return problem_response(problem, path=request.url.path)


def _field_error(error: Mapping[str, Any], body: Any) -> FieldError:
    detail = shortened(str(error["msg"]).removeprefix("Value error, "), _LONGEST_DETAIL)
    missing = error["type"] == "missing"
    if error["loc"] == ("body",) and error.get("input") is None:  # no body, or the JSON null
        missing, detail = True, "the body is missing; send one JSON object"
    if error["type"] == "extra_forbidden":
        known = error.get("ctx", {}).get("known")
        detail = f"unknown field {_shown(error['loc'][-1], _LONGEST_NAME)}; remove it" + (
            f": {known}" if known else " (GET /docs lists the known ones)"
        )
    pointer = _pointer(error["loc"], body)
    value = None if missing else _shown(error.get("input"))
    return FieldError(pointer=pointer, value=value, detail=detail)


def _parameter(location: tuple[int | str, ...]) -> str:
    """Returns the name of a query parameter or header, "body" for the body."""
    return "body" if location[0] == "body" else str(location[-1])


def _pointer(location: tuple[int | str, ...], body: Any) -> str:
    """Returns a JSON Pointer into the body, empty for a header or a query parameter.

    Pydantic's locations also name the members of a union that it tried. Those are left out.
    """
    if location[0] != "body":
        return ""
    parts, here = [], body
    for index, part in enumerate(location[1:], start=1):
        listed = isinstance(here, list) and isinstance(part, int) and part < len(here)  # or it is one that is missing
        present = listed or (isinstance(here, dict) and part in here)
        if present or (index == len(location) - 1 and isinstance(here, dict)):
            parts.append(shortened(str(part), _LONGEST_NAME).replace("~", "~0").replace("/", "~1"))
            here = here[part] if present else None
    return "".join(f"/{part}" for part in parts)


def _shown(value: Any, most: int = _LONGEST_VALUE) -> str:
    """Returns a value as Python writes it, cut; never written out in full first, since it may have megabytes."""
    if isinstance(value, str):
        return repr(value) if len(value) <= most else f"{value[:most]!r}… ({len(value)} characters)"
    cut = reprlib.Repr()
    cut.maxlevel, cut.maxlist, cut.maxdict, cut.maxstring, cut.maxlong, cut.maxother = 4, 30, 30, most, 5_000, most
    text = cut.repr(value)
    return text if len(text) <= most else f"{text[:most]}…"


_HTTP_KINDS = {
    400: "malformed-request",
    404: "not-found",
    405: "method-not-allowed",
    422: "invalid-request",
}


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  narrows the type Starlette promises
    status, headers, detail = error.status_code, error.headers or {}, error.detail
    title = HTTPStatus(status).phrase
    if detail == title:  # raised by the router, which says no more
        detail = f"{title}: {request.method} {_shown(request.url.path)}; GET /docs lists what there is"
        if "Allow" in headers:
            detail += f", here {headers['Allow']}"
    problem = Problem.of(_HTTP_KINDS.get(status, "http-error"), title, status, detail)
    return problem_response(problem, headers, path=request.url.path)


def internal_error(path: str) -> Response:
    """Returns what is answered where the gateway itself failed. path: of the request."""
    return problem_response(
        Problem.of("internal-error", "Internal error", 500, "the gateway failed; the cause is in its log. Try again."),
        path=path,
    )


_HANDLERS: tuple[tuple[type[Exception], Callable[[Request, Exception], Awaitable[Response]]], ...] = (
    (SmoothGenError, _known),
    (RequestValidationError, _invalid),
    (HTTPException, _http),
)
