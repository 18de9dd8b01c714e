"""What a worker serves over HTTP: /metrics for Prometheus, /livez for whoever restarts workers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from prometheus_client import start_http_server
from prometheus_client.registry import CollectorRegistry

from workers.serving.hanging import Hang

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


def serve_health(port: int, registry: CollectorRegistry, hang: Callable[[], Hang | None]) -> None:
    """Answers on `port` in threads of its own, so that neither computing nor Redis delays an answer.

    Raises OSError if the port is taken.
    """
    server, _ = start_http_server(port, registry=registry)
    metrics = server.get_app()
    if metrics is not None:
        server.set_app(with_livez(metrics, hang))


def with_livez(metrics: WSGIApplication, hang: Callable[[], Hang | None]) -> WSGIApplication:
    """Returns the metrics application with /livez beside it: 200 while the worker gets on, else 503 and the reason."""

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ.get("PATH_INFO") != "/livez":
            return metrics(environ, start_response)
        found = hang()
        if found is None:
            status, media_type, body = "200 OK", "application/json", json.dumps({"status": "alive"})
        else:
            status, media_type = "503 Service Unavailable", "application/problem+json"
            body = found.problem.model_dump_json(exclude_none=True)
        content = body.encode()
        start_response(status, [("Content-Type", media_type), ("Content-Length", str(len(content)))])
        return [content]

    return answer
