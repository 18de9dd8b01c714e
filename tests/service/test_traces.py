"""Traces of real processes, as a collector gets them by OTLP over HTTP."""

from __future__ import annotations

import json
import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from smoothgen.queue import keys
from tests.service.conftest import ask, finished, submit
from tests.support.collector import Collector, Told
from tests.support.processes import LOADING_S, SLOW, TANH, Gateway, Lab, Worker, eventually, free_port

BROKEN = "closed-form-broken"
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SENTINEL = "sentinel-prompt-2f8a"


@dataclass(frozen=True)
class Traced:
    """A gateway and a worker that export to a collector."""

    gateway: Gateway
    worker: Worker
    collector: Collector


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traced]:
    lab = Lab(tmp_path_factory.mktemp("traced"))
    with Collector() as collector:
        gateway = lab.gateway(environment=collector.environment)
        yield Traced(gateway, lab.worker(TANH, BROKEN, environment=collector.environment), collector)
        lab.close()


def sent_by_client(trace: str, flags: str = "01") -> dict[str, str]:
    """Headers of a request that is part of the client's trace, and waits for its job."""
    return {"traceparent": f"00-{trace}-{PARENT}-{flags}", "prefer": "wait=60"}


def whole(collector: Collector, trace: str) -> list[Told]:
    """The spans of a trace, when every parent among them has come and the request's is there."""

    def complete() -> list[Told]:
        spans = collector.of(trace)
        ids = {span.id for span in spans}
        roots = [span for span in spans if span.parent not in ids]
        return spans if [span.name for span in roots] == ["POST /generate"] else []

    return eventually(complete)


def below(spans: list[Told], parent: Told) -> Counter[str]:
    return Counter(span.name for span in spans if span.parent == parent.id)


def test_the_spans_of_two_workers_hang_under_the_clients_request(lab: Lab) -> None:
    with Collector() as collector:
        gateway = lab.gateway(environment=collector.environment)
        workers = [lab.worker(SLOW, batch_size=20, environment=collector.environment) for _ in range(2)]
        sent = gateway.http.post("/generate", json=ask(SLOW, samples=400), headers=sent_by_client(TRACE))
        answer = finished(gateway.http, sent.json()["id"])
        for process in (*workers, gateway):  # what has not been sent is sent then
            process.signal(signal.SIGTERM)
            assert process.wait(60) in (0, -signal.SIGTERM)
        spans = whole(collector, TRACE)
    request = next(span for span in spans if span.name == "POST /generate")
    assert request.parent == PARENT
    assert request.attributes["http.response.status_code"] == sent.status_code
    assert {span.attributes["smoothgen.job"] for span in spans} == {answer["id"]}
    assert {span.resource["service.name"] for span in spans} == {"smoothgen-gateway", "smoothgen-worker"}
    assert not any(span.failed for span in spans)
    assert {"plan": 1, "submit": 1, "wait": 1}.items() <= below(spans, request).items()

    claims = [span for span in spans if span.name == "claim"]
    assert all(span.parent == request.id for span in claims)
    assert below(spans, request)["queue wait"] == len(claims)
    assert len({span.attributes["smoothgen.worker"] for span in claims}) == 2
    chunks = [span for span in spans if span.name == "chunk"]
    assert sum(span.attributes["smoothgen.samples"] for span in chunks) == answer["usage"]["samples"]
    assert all(span.attributes["smoothgen.drawn"] == span.attributes["smoothgen.samples"] for span in chunks)
    for claim in claims:
        kinds = below(spans, claim)
        assert kinds["selection"] + kinds["chunk"] == 1
        assert kinds["delivery"] == 1 + kinds["look"]
    looks = [span for span in spans if span.name == "look"]
    outcomes = [
        span.attributes["smoothgen.outcome"]
        for span in spans
        if span.name == "certification" and span.parent in {look.id for look in looks}
    ]
    assert len(outcomes) == len(looks) > 0
    assert outcomes[-1] in ("certificate", "abstention")
    assert set(outcomes[:-1]) <= {"draw_on"}


def test_lines_of_the_log_name_the_trace(traced: Traced) -> None:
    gateway, worker, trace = traced.gateway, traced.worker, "1" * 32
    job = gateway.http.post("/generate", json=ask(), headers=sent_by_client(trace)).json()["id"]
    assert gateway.http.post("/generate", json=ask(BROKEN), headers=sent_by_client(trace)).status_code == 500

    def lines(process: Gateway | Worker, event: str) -> list[dict[str, Any]]:
        found = [json.loads(line) for line in process.log.splitlines()]
        return [line for line in found if line["event"] == event]

    requests = eventually(lambda: [line for line in lines(gateway, "request") if line.get("trace_id") == trace])
    assert {line["route"] for line in requests} == {"/generate"}
    assert eventually(lambda: [line for line in lines(worker, "job_failed") if line["trace_id"] == trace])
    assert eventually(lambda: [line for line in lines(worker, "jobs_ended") if line["trace_ids"] == {job: trace}])


def test_no_span_has_a_prompt_an_output_a_path_or_a_query(traced: Traced) -> None:
    http, collector = traced.gateway.http, traced.collector
    assert http.post("/generate", json=ask(prompt=SENTINEL)).status_code == 422
    assert http.post("/generate", json=ask(SENTINEL)).status_code == 422
    assert http.post("/generate", json=ask(BROKEN), headers={"prefer": "wait=60"}).status_code == 500
    output = finished(http, submit(http, ask()))["output"]["text"]
    assert http.get(f"/{SENTINEL}", params={"q": SENTINEL}).status_code == 404
    eventually(lambda: {"any unmatched", "GET /jobs/{job_id}", "delivery"} <= {s.name for s in collector.spans})
    assert SENTINEL.encode() not in b"".join(collector.bodies).lower()
    assert output not in {value for span in collector.spans for value in span.attributes.values()}
    assert not {"GET /livez", "GET /readyz", "GET /metrics"} & {span.name for span in collector.spans}
    assert {span.name for span in collector.spans if span.failed} >= {"POST /generate", "plan"}


def test_a_trace_that_its_client_does_not_sample_is_not_recorded(traced: Traced) -> None:
    for flags, trace in (("00", "2" * 32), ("01", "3" * 32)):
        headers = sent_by_client(trace, flags)
        assert traced.gateway.http.post("/generate", json=ask(), headers=headers).status_code == 200
    whole(traced.collector, "3" * 32)
    assert traced.collector.of("2" * 32) == []


def test_what_is_no_traceparent_begins_a_trace_of_its_own(traced: Traced) -> None:
    http, trace = traced.gateway.http, "4" * 32
    one, other = f"00-{trace}-{PARENT}-01", f"00-{'5' * 32}-{PARENT}-01"
    sent: list[list[tuple[str, str]]] = [
        [("traceparent", each)] for each in ("", "nonsense", f"00-{'0' * 32}-{PARENT}-01", one.replace("00-", "ff-"))
    ]
    sent.append([("traceparent", one), ("traceparent", other)])
    for headers in sent:
        assert http.get("/fleet", headers=headers).status_code == 200
    spans = eventually(lambda: (s := [s for s in traced.collector.spans if s.name == "GET /fleet"])[4:] and s)
    assert len({span.trace for span in spans} - {trace, "5" * 32}) == len(sent) == len(spans)
    assert {span.parent for span in spans} == {""}


def test_a_collector_that_is_away_holds_nothing_up(lab: Lab) -> None:
    nowhere = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{free_port()}", "OTEL_BSP_SCHEDULE_DELAY": "100"}
    gateway, worker = lab.gateway(environment=nowhere), lab.worker(TANH, environment=nowhere)
    for _ in range(3):
        finished(gateway.http, submit(gateway.http, ask()))
    for process in (worker, gateway):
        process.signal(signal.SIGTERM)
        assert process.wait(60) in (0, -signal.SIGTERM)
    for line in (worker.log + gateway.log).splitlines():
        assert json.loads(line)["level"] != "critical"


def test_off_the_job_and_the_log_carry_nothing_of_a_trace(lab: Lab) -> None:
    with Collector() as collector:
        off = collector.environment | {"OTEL_SDK_DISABLED": "true"}
        gateway = lab.gateway(environment=off)
        lab.worker(SLOW, environment=off)
        headers = sent_by_client(TRACE) | {"prefer": "respond-async"}
        job = gateway.http.post("/generate", json=ask(SLOW, samples=10_000), headers=headers).json()["id"]
        assert "traceparent" not in json.loads(lab.redis.client.hget(keys.job(job), "spec"))
        assert gateway.http.delete(f"/jobs/{job}").status_code == 200
        assert collector.bodies == []
        assert TRACE not in gateway.log


def test_what_cannot_be_is_refused_at_the_start(lab: Lab) -> None:
    wrong = {"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4318"}
    for process in (
        Gateway(lab.redis.url, lab.folder / "gateway.log", environment=wrong),
        Worker(lab.redis.url, lab.folder / "worker.log", TANH, environment=wrong),
    ):
        with process:
            assert process.wait(LOADING_S) == 1
            (line,) = (json.loads(line) for line in process.log.splitlines())
            assert "OTEL_EXPORTER_OTLP_ENDPOINT='collector:4318'" in line["detail"]
