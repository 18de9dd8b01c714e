"""Around every request where traces are on: its span, which continues the client's trace."""

from __future__ import annotations

from typing import Final

import structlog
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, format_trace_id
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.http.request_ids import request_id_of
from app.http.request_metrics import PROBES, known_method, route_of
from smoothgen.tracing import TRACER, fail, named

_HEADER: Final = b"traceparent"
_W3C: Final = TraceContextTextMapPropagator()


class RequestTraces:
    """ASGI middleware around everything else. Opens no span for what machines ask every few seconds.

    FastAPI's own spans are not used, nor those of OpenTelemetry's instrumentation: they carry path and query, which
    hold what strangers write (decision 0025).
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request through, and ends its span when the answer is sent."""
        if scope["type"] != "http" or scope["path"] in PROBES:
            await self._app(scope, receive, send)
            return
        status = 499  # the client went away unanswered

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        # Named anew when the route is known.
        with TRACER.start_as_current_span(
            "request",
            _context_of(scope),
            SpanKind.SERVER,
            record_exception=False,  # its text may quote a prompt
            set_status_on_exception=False,
        ) as span:
            structlog.contextvars.bind_contextvars(trace_id=format_trace_id(span.get_span_context().trace_id))
            try:
                await self._app(scope, receive, noting)
            finally:
                _describe(span, scope, scope["state"].get("answered", status))


def _context_of(scope: Scope) -> Context:
    """Returns the context of the client's span. Several headers are as good as none (W3C)."""
    sent = [value.decode("latin-1") for name, value in scope["headers"] if name == _HEADER]
    return _W3C.extract({_HEADER.decode(): sent[0]} if len(sent) == 1 else {}, Context())


def _describe(span: Span, scope: Scope, status: int) -> None:
    method, route = known_method(scope), route_of(scope)
    span.update_name(f"{method} {route}")
    span.set_attributes({"http.request.method": method, "http.route": route, "http.response.status_code": status})
    span.set_attributes(named(request_id=request_id_of(scope), job=scope["state"].get("job")))
    if status >= 500:
        fail(span, str(status))
