"""Counts and times every request by its route, so that a metric's labels stay few."""

from __future__ import annotations

import json
import time
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.metrics import Metrics

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


class Instruments:
    """ASGI middleware around everything else."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request through and note how it was answered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, fault, started = "499", "", time.perf_counter()  # 499: the client went away unanswered

        async def noting(message: Message) -> None:
            nonlocal status, fault
            if message["type"] == "http.response.start":
                status = str(message["status"])
            elif status.startswith("5") and not fault:
                fault = _fault(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            route = getattr(scope.get("route"), "path", "unmatched")
            # A stranger may make up methods as well as paths: each would be a new series.
            method = scope["method"] if route != "unmatched" and scope["method"] in _METHODS else "any"
            self._metrics.answered(method, route, status, time.perf_counter() - started, fault)


def _fault(body: bytes) -> str:
    """Returns whose fault the 5xx with this body is: the gateway's where the body is no problem document."""
    try:
        kind = json.loads(body)["type"]
        return _FAULTS.get(kind.removeprefix("urn:smoothgen:problem:"), "gateway")
    except (ValueError, LookupError, TypeError, AttributeError):
        return "gateway"
