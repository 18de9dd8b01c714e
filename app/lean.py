"""POST /generate, answered without the layers of middleware and routing in between: for a small request they took more
of the gateway's time than all the rest (docs/decisions/0010)."""

from __future__ import annotations

import time

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.types import Receive, Scope, Send

from app.body import contract_of, guarded_body
from app.dependencies import Gateway, check_api_key
from app.errors import answer_to, problem_response
from app.metrics import Metrics
from app.routes.generate import LONGEST_KEY, generate
from app.settings import Settings
from smoothgen.contracts import GenerateRequest, Problem

PATH = "/generate"


def is_generate(scope: Scope) -> bool:
    """Whether this is a request for the endpoint here."""
    return bool(scope["type"] == "http" and scope["path"] == PATH and scope["method"] == "POST")


class LeanGenerate:
    """The route that `app/routes/generate.py` declares, as an ASGI application: it reads what is declared there, and
    its errors go through the same table."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._limit, self._metrics = settings.max_request_bytes, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request and note how."""
        started, status = time.perf_counter(), 499  # 499: the client went away unanswered
        try:
            body = await guarded_body(receive, self._limit)
            if body is not None:
                response = await _answer(scope, body)
                status = response.status_code
                await response(scope, receive, send)
        finally:
            self._metrics.answered("POST", PATH, str(status), time.perf_counter() - started)


async def _answer(scope: Scope, body: bytes | Problem) -> Response:
    if isinstance(body, Problem):
        return problem_response(body)
    try:
        return await _generate(scope["app"].state.gateway, _headers(scope), body)
    except Exception as error:
        return await answer_to(Request(scope), error)


async def _generate(gateway: Gateway, headers: dict[bytes, str], body: bytes) -> Response:
    check_api_key(gateway, headers.get(b"authorization"))
    key = headers.get(b"idempotency-key")
    if key is not None and len(key) > LONGEST_KEY:
        message = (
            f"an idempotency key has at most {LONGEST_KEY} characters, this one has {len(key)}; send a shorter one"
        )
        where = ("header", "idempotency-key")
        raise RequestValidationError([{"type": "string_too_long", "loc": where, "msg": message, "input": key}])
    asked = contract_of(headers.get(b"content-type", ""), body, GenerateRequest)
    return await generate(asked, gateway, headers.get(b"prefer", ""), key)


def _headers(scope: Scope) -> dict[bytes, str]:
    """Names in small letters, as ASGI has them; of a name sent twice the values are joined, as HTTP reads a list, but
    the first stands where a list makes no sense."""
    headers: dict[bytes, str] = {}
    for name, value in scope["headers"]:
        if name not in headers:
            headers[name] = value.decode("latin-1")
        elif name == b"prefer":
            headers[name] += f",{value.decode('latin-1')}"
    return headers
