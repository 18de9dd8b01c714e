"""What the gateway's metrics say of an answer, through the middleware itself."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from prometheus_client import generate_latest
from starlette.types import Receive, Scope, Send

from app.http.problems import problem_response
from app.http.request_metrics import RequestMetrics
from app.metrics import Metrics
from smoothgen.contracts import Problem


def answered(status: int, body: bytes | None, kind: str = "internal-error") -> str:
    """The metrics page after one such answer; without a body, a problem document of this kind."""
    metrics = Metrics()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if body is None:
            problem = Problem.of(kind, "A title", status, "urn:smoothgen:problem:generation-failed", instance="/jobs/x")
            await problem_response(problem)(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": body, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def nothing() -> Any:
        return {"type": "http.request", "body": b""}

    async def dropped(_: Any) -> None: ...

    asyncio.run(RequestMetrics(app, metrics=metrics)({"type": "http", "method": "GET", "path": "/x"}, nothing, dropped))
    return generate_latest(metrics.registry).decode()


@pytest.mark.parametrize(
    ("status", "kind", "fault"),
    [
        (500, "generation-failed", "job"),
        (500, "job-abandoned", "job"),
        (500, "job-unreadable", "job"),
        (504, "deadline-passed", "job"),
        (500, "worker-error", "worker"),
        (503, "no-worker", "worker"),
        (504, "no-answer", "worker"),
        (503, "queue-unavailable", "gateway"),
        (503, "not-ready", "gateway"),
        (500, "internal-error", "gateway"),
        (500, "a-kind-of-tomorrow", "gateway"),
        (422, "invalid-request", "none"),
        (429, "overloaded", "none"),
    ],
)
def test_a_failed_job_is_no_error_of_the_gateway(status: int, kind: str, fault: str) -> None:
    line = f'smoothgen_http_requests_total{{fault="{fault}",method="any",route="unmatched",status="{status}"}} 1.0'
    assert line in answered(status, None, kind)


@pytest.mark.parametrize("body", [b"", b"oh", b"\xff", b"[]", b"{}", b'{"type": 3}', b'"text"'])
def test_a_server_error_that_says_nothing_is_the_gateways(body: bytes) -> None:
    line = 'smoothgen_http_requests_total{fault="gateway",method="any",route="unmatched",status="502"} 1.0'
    assert line in answered(502, body)


def test_the_page_tells_what_runs_and_how_it_fares_and_no_created_series() -> None:
    page = answered(200, b"")
    assert 'smoothgen_build_info{component="gateway",python="3.' in page
    assert {"process_resident_memory_bytes", "process_cpu_seconds_total", "process_start_time_seconds"} <= {
        line.split()[0] for line in page.splitlines()
    }
    assert "_created" not in page
