"""The export of spans to a collector, by OTLP over HTTP: off unless OpenTelemetry's own variables ask for it.

The variables that are read here decide whether there is an export; those that say how (headers, sampler, batches,
resource attributes, certificates) are read by OpenTelemetry's SDK.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from importlib.metadata import version
from typing import Final, Literal
from urllib.parse import urlsplit

from opentelemetry import trace

_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_EXPORTER: Final = "OTEL_TRACES_EXPORTER"
_GOODBYE_S: Final = 5.0
"""How long a process that stops waits for a collector to take its last spans."""


def start_traces(service: Literal["gateway", "worker"]) -> Callable[[], None] | None:
    """Begins to export the spans of this process. Returns what ends the export, None where none is asked for.

    Called by a program's entry point, once. Raises ValueError, in one sentence that names the variable, for an export
    that is asked for and cannot be.
    """
    asked = _asked_endpoint()
    if asked is None:
        return None
    variable, endpoint = asked
    if not _is_address(endpoint):
        raise ValueError(f"{variable}={endpoint!r:.200} is no address; write one such as http://127.0.0.1:4318")
    for name in _PROTOCOLS:
        if _value(name) not in ("", "http/protobuf"):
            raise ValueError(f"{name}={_value(name)!r:.80} is not offered; write http/protobuf, or leave it out")
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import OTELResourceDetector, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise ValueError(f"{variable} asks for traces, and {error}; install the extra: smoothgen[traces]") from error
    ours = {
        "service.name": f"smoothgen-{service}",
        "service.version": version("smoothgen"),
        "service.instance.id": f"{socket.gethostname()}-{os.getpid()}",
    }
    # What the operator names wins: OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES.
    resource = Resource.create(ours).merge(OTELResourceDetector().detect())
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)

    def stop() -> None:
        """Sends what is left. A collector that does not answer delays the process by some seconds and no more."""
        sending = threading.Thread(target=provider.shutdown, name="last spans", daemon=True)
        sending.start()
        sending.join(_GOODBYE_S)

    return stop


def _asked_endpoint() -> tuple[str, str] | None:
    """Returns the variable that names the collector, and its value; None where no export is wanted. Raises ValueError
    for an exporter that is not offered."""
    exporter = _value(_EXPORTER)
    found = next(((name, _value(name)) for name in _ENDPOINTS if _value(name)), None)
    if _value("OTEL_SDK_DISABLED").lower() == "true" or exporter == "none" or found is None:
        return None
    if exporter not in ("", "otlp"):
        raise ValueError(f"{_EXPORTER}={exporter!r:.80} is not offered; write otlp or none, or leave it out")
    return found


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # an unclosed bracket, a port that is no number
        return False


def _value(name: str) -> str:
    return os.environ.get(name, "").strip()
