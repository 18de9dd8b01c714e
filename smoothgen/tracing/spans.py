"""Opening spans, with OpenTelemetry's API alone: it records nothing until `start_traces` has begun an export.

A span here is always below another one: work whose request was not traced opens none. The gateway's span of the request
is the exception (`app/http/request_traces.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from typing import Final

from opentelemetry import context, trace
from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, Span, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

TRACER: Final = trace.get_tracer("smoothgen", version("smoothgen"))
_W3C: Final = TraceContextTextMapPropagator()
_HEADER: Final = "traceparent"

Attribute = str | int | float | bool | None


@contextmanager
def span(name: str, **attributes: Attribute) -> Iterator[Span]:
    """Opens a span below the current one for as long as the block runs, and makes it the current one.

    Gives a span that records nothing where there is no current one. An exception marks the span as failed with the name
    of its type; the exception's text stays out, since it may quote a prompt.
    """
    if not trace.get_current_span().get_span_context().is_valid:
        yield INVALID_SPAN
        return
    with TRACER.start_as_current_span(
        name, attributes=named(**attributes), record_exception=False, set_status_on_exception=False
    ) as opened:
        try:
            yield opened
        except Exception as error:
            fail(opened, type(error).__name__)
            raise


@contextmanager
def under(traceparent: str | None) -> Iterator[None]:
    """Makes the span of a W3C `traceparent` the current one for as long as the block runs; None: changes nothing."""
    if traceparent is None:
        yield
        return
    token = context.attach(_context_of(traceparent))
    try:
        yield
    finally:
        context.detach(token)


def span_under(
    traceparent: str, name: str, attributes: Mapping[str, Attribute], *, start_ns: int | None = None
) -> Span:
    """Returns a span below the one of a `traceparent`, to be ended by the caller. start_ns: Unix nanoseconds, None for
    now."""
    return TRACER.start_span(name, _context_of(traceparent), attributes=named(**attributes), start_time=start_ns)


def traceparent_of(opened: Span) -> str:
    """Returns the W3C `traceparent` of a span. Its `tracestate` does not travel."""
    carrier: dict[str, str] = {}
    _W3C.inject(carrier, trace.set_span_in_context(opened))
    return carrier[_HEADER]


def traceparent_now() -> str | None:
    """Returns the W3C `traceparent` of the current span, None where there is none."""
    current = trace.get_current_span()
    return traceparent_of(current) if current.get_span_context().is_valid else None


def named(**attributes: Attribute) -> dict[str, str | int | float | bool]:
    """Returns attributes of ours by their full names, without those that are None."""
    return {f"smoothgen.{name}": value for name, value in attributes.items() if value is not None}


def fail(opened: Span, kind: str) -> None:
    """Marks a span as failed. kind: the type of an error or of a problem, never its text."""
    opened.set_status(Status(StatusCode.ERROR, kind))


def _context_of(traceparent: str) -> Context:
    return _W3C.extract({_HEADER: traceparent}, Context())
