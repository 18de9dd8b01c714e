"""Traces by OpenTelemetry: spans as gateway and workers open them, and their export to a collector.

Spans carry ids, counts and the names of models. No prompt, no output and no text of an exception gets into one.
"""

from smoothgen.tracing.export import start_traces
from smoothgen.tracing.spans import (
    TRACER,
    Attribute,
    fail,
    named,
    span,
    span_under,
    traceparent_now,
    traceparent_of,
    under,
)

__all__ = [
    "TRACER",
    "Attribute",
    "fail",
    "named",
    "span",
    "span_under",
    "start_traces",
    "traceparent_now",
    "traceparent_of",
    "under",
]
