"""Around every request: its id, its line in the log, and its count and time by route, so that labels stay few."""

from __future__ import annotations

import json
import time
from typing import Final

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.access.caller import Caller
from app.http.admission import is_open
from app.http.problems import internal_error
from app.http.request_ids import HEADER, take_request_id
from app.metrics import Metrics

PROBES: Final = frozenset({"/livez", "/readyz", "/metrics"})
"""Routes that machines ask every few seconds: logged at level debug."""
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_FAULTS: Final = {
    "generation-failed": "job",
    "deadline-passed": "job",
    "job-abandoned": "job",
    "job-unreadable": "job",
    "worker-error": "worker",
    "no-worker": "worker",
    "no-answer": "worker",
    "model-changed": "worker",
}
"""Whose fault a 5xx is, by the kind of its problem document: a model's failure or a missed deadline says nothing about
the gateway. Every other kind is the gateway's."""


class RequestMetrics:
    """ASGI middleware around everything else that is ours. An exception that nothing inside has answered is logged
    and answered with 500 here, so that this answer too has an id, a line and a count."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics
        self._log = structlog.get_logger(__name__)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request through and notes how it was answered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = take_request_id(scope)
        header = (HEADER, request_id.encode())
        structlog.contextvars.bind_contextvars(request_id=request_id)
        status, kind, started = 499, "", time.perf_counter()  # 499: the client went away unanswered

        async def noting(message: Message) -> None:
            nonlocal status, kind
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": [*message.get("headers", ()), header]}
            elif (status >= 500 or status == 429) and not kind:
                kind = _kind(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except Exception as error:
            self._log.error("request_failed", route=route_of(scope), exc_info=error)
            if status != 499:
                raise  # half an answer is out: the server ends the connection
            await internal_error(scope["path"])(scope, receive, noting)
        finally:
            self._note(scope, status, time.perf_counter() - started, kind)

    def _note(self, scope: Scope, status: int, seconds: float, kind: str) -> None:
        route, method, state = route_of(scope), known_method(scope), scope["state"]
        status = state.get("answered", status)  # by the server in the application's place
        fault = _FAULTS.get(kind, "gateway") if status >= 500 else "none"
        self._metrics.answered(method, route, str(status), seconds, fault)
        caller: Caller | None = state.get("caller")
        if caller is not None and not is_open(scope["path"]):
            self._metrics.tenants.answered(caller, status, kind)
        say = self._log.debug if route in PROBES else self._log.info
        about = {"job": state["job"]} if "job" in state else {}
        # Neither path nor query: both hold what strangers and clients write.
        say("request", method=method, route=route, status=status, duration_ms=round(1000 * seconds, 1), **about)


def route_of(scope: Scope) -> str:
    """Returns the route that was taken, with names in the place of what the client wrote; "unmatched" for none."""
    return getattr(scope.get("route"), "path", "unmatched")


def known_method(scope: Scope) -> str:
    """Returns the request's method, "any" for one that may be made up: a stranger could make as many labels of it."""
    return scope["method"] if route_of(scope) != "unmatched" and scope["method"] in _METHODS else "any"


def _kind(body: bytes) -> str:
    """Returns the kind of problem that an answer's body tells of, "unknown" where it is neither a problem document nor
    an OpenAI error."""
    try:
        told = json.loads(body)
        kind: str = told["error"]["code"] if "error" in told else told["type"]
        return kind.removeprefix("urn:smoothgen:problem:")
    except (ValueError, LookupError, TypeError, AttributeError):
        return "unknown"
