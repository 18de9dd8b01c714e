"""Traces of real processes, as a collector gets them by OTLP over HTTP."""

from __future__ import annotations

import json
import signal
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.service.conftest import ask, finished, submit
from tests.support.collector import Collector, Told
from tests.support.processes import SLOW, TANH, Gateway, Lab, Worker, eventually, free_port

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SENTINEL = "sentinel-prompt-2f8a"


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as collector:
        yield collector


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


def test_the_spans_of_two_workers_hang_under_the_clients_request(lab: Lab, collector: Collector) -> None:
    gateway = lab.gateway(environment=collector.environment)
    workers = [lab.worker(SLOW, batch_size=20, environment=collector.environment) for _ in range(2)]
    headers = {"traceparent": f"00-{TRACE}-{PARENT}-01", "prefer": "wait=60"}
    answer = gateway.http.post("/generate", json=ask(SLOW, samples=400), headers=headers).json()
    assert answer["status"] == "succeeded"
    for process in (*workers, gateway):
        process.signal(signal.SIGTERM)
        assert process.wait() in (0, -signal.SIGTERM)

    spans = whole(collector, TRACE)
    request = next(span for span in spans if span.name == "POST /generate")
    assert request.parent == PARENT
    assert request.attributes["http.response.status_code"] == 200
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


def test_lines_of_the_log_name_the_trace(lab: Lab, collector: Collector) -> None:
    gateway = lab.gateway(environment=collector.environment)
    worker = lab.worker(TANH, "closed-form-broken", environment=collector.environment)
    headers = {"traceparent": f"00-{TRACE}-{PARENT}-01", "prefer": "wait=60"}
    job = gateway.http.post("/generate", json=ask(), headers=headers).json()["id"]
    assert gateway.http.post("/generate", json=ask("closed-form-broken"), headers=headers).status_code == 500

    def lines(process: Gateway | Worker, event: str) -> list[dict[str, object]]:
        found = (json.loads(line) for line in process.log.splitlines())
        return [line for line in found if line["event"] == event]

    requests = [line for line in lines(gateway, "request") if line["route"] == "/generate"]
    assert [line["trace_id"] for line in requests] == [TRACE, TRACE]
    assert eventually(lambda: lines(worker, "job_failed"))[0]["trace_id"] == TRACE
    assert eventually(lambda: lines(worker, "jobs_ended"))[0]["trace_ids"] == {job: TRACE}


def test_no_span_has_a_prompt_an_output_a_path_or_a_query(lab: Lab, collector: Collector) -> None:
    gateway = lab.gateway(environment=collector.environment)
    lab.worker(TANH, "closed-form-broken", environment=collector.environment)
    http = gateway.http
    assert http.post("/generate", json=ask(prompt=SENTINEL)).status_code == 422
    assert http.post("/generate", json=ask(SENTINEL)).status_code == 422
    assert http.post("/generate", json=ask("closed-form-broken"), headers={"prefer": "wait=60"}).status_code == 500
    output = finished(http, submit(http, ask()))["output"]["text"]
    assert http.get(f"/{SENTINEL}", params={"q": SENTINEL}).status_code == 404
    assert http.request(f"X{SENTINEL.upper()}", "/generate").status_code == 405
    eventually(lambda: {"any unmatched", "GET /jobs/{job_id}"} <= {span.name for span in collector.spans})
    assert SENTINEL.encode() not in b"".join(collector.bodies).lower()
    assert output not in {value for span in collector.spans for value in span.attributes.values()}
    assert not {"GET /livez", "GET /readyz", "GET /metrics"} & {span.name for span in collector.spans}
    failed = {span.name for span in collector.spans if span.failed}
    assert failed >= {"POST /generate", "plan"}


def test_a_client_that_samples_nothing_is_not_recorded(lab: Lab, collector: Collector) -> None:
    gateway = lab.gateway(environment=collector.environment)
    lab.worker(TANH, environment=collector.environment)
    for flags, trace in (("00", "a" * 32), ("01", "b" * 32)):
        headers = {"traceparent": f"00-{trace}-{PARENT}-{flags}", "prefer": "wait=60"}
        assert gateway.http.post("/generate", json=ask(), headers=headers).status_code == 200
    whole(collector, "b" * 32)
    assert collector.of("a" * 32) == []


def test_what_is_no_traceparent_begins_a_trace_of_its_own(lab: Lab, collector: Collector) -> None:
    gateway = lab.gateway(environment=collector.environment)
    wrong = ["", "nonsense", f"00-{'0' * 32}-{PARENT}-01", f"00-{TRACE.upper()}-{PARENT}-01", f"ff-{TRACE}-{PARENT}-01"]
    for traceparent in wrong:
        assert gateway.http.get("/models", headers={"traceparent": traceparent}).status_code == 200
    twice = [("traceparent", f"00-{TRACE}-{PARENT}-01"), ("traceparent", f"00-{'b' * 32}-{PARENT}-01")]
    assert gateway.http.get("/models", headers=twice).status_code == 200
    eventually(lambda: len(collector.spans) > len(wrong))
    assert len({span.trace for span in collector.spans} - {TRACE, "b" * 32}) == len(wrong) + 1
    assert {span.parent for span in collector.spans} == {""}


def test_a_collector_that_is_away_holds_nothing_up(lab: Lab) -> None:
    nowhere = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{free_port()}", "OTEL_BSP_SCHEDULE_DELAY": "100"}
    gateway, worker = lab.gateway(environment=nowhere), lab.worker(TANH, environment=nowhere)
    for _ in range(3):
        answer = gateway.http.post("/generate", json=ask(), headers={"prefer": "wait=60"})
        assert answer.json()["status"] == "succeeded"
    for process in (worker, gateway):
        process.signal(signal.SIGTERM)
        assert process.wait(30) in (0, -signal.SIGTERM)
    for line in (worker.log + gateway.log).splitlines():
        assert json.loads(line)["level"] != "critical"


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4318"}, "OTEL_EXPORTER_OTLP_ENDPOINT='collector:4318'"),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
            "OTEL_EXPORTER_OTLP_PROTOCOL='grpc'",
        ),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_TRACES_EXPORTER": "zipkin"},
            "OTEL_TRACES_EXPORTER='zipkin'",
        ),
    ],
)
def test_what_cannot_be_is_refused_at_the_start(lab: Lab, variables: dict[str, str], named: str) -> None:
    for process in (
        Gateway(lab.redis.url, lab.folder / "gateway.log", environment=variables),
        Worker(lab.redis.url, lab.folder / "worker.log", TANH, environment=variables),
    ):
        with process:
            assert process.wait(60) == 1
            (line,) = (json.loads(line) for line in process.log.splitlines())
            assert named in line["detail"]


@pytest.mark.parametrize("off", [{}, {"OTEL_SDK_DISABLED": "true"}, {"OTEL_TRACES_EXPORTER": "none"}])
def test_off_nothing_is_sent_and_the_job_carries_nothing(lab: Lab, collector: Collector, off: dict[str, str]) -> None:
    environment = collector.environment | off if off else {}
    gateway = lab.gateway(environment=environment)
    lab.worker(TANH, environment=environment)
    headers = {"traceparent": f"00-{TRACE}-{PARENT}-01", "prefer": "wait=60"}
    job = gateway.http.post("/generate", json=ask(), headers=headers).json()["id"]
    (record,) = lab.redis.client.scan_iter(f"smoothgen:*:job:{job}")
    assert "traceparent" not in json.loads(lab.redis.client.hget(record, "spec"))
    assert collector.bodies == []
    assert TRACE not in gateway.log
