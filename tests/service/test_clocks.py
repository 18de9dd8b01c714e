"""Machines whose clocks are an hour apart: what one writes, another compares by Redis's clock."""

from __future__ import annotations

import signal
import time
from typing import Any

import httpx2
import pytest

from smoothgen.contracts import windows_of
from tests.service.conftest import ask, finished, submit
from tests.support.processes import TANH, Lab, free_port

HOUR_S = 3600.0


def hours_of(lab: Lab) -> set[str]:
    """The hour it is on Redis; two where it may just have turned."""
    seconds, _ = lab.redis.client.time()
    return {windows_of(1000 * second)[0] for second in (seconds, seconds - 300)}


def fleet_request() -> dict[str, Any]:
    return {"model": TANH, "prompt": "0.0", "robustness": {"sigma": 1.0, "tier": "fleet"}}


@pytest.mark.parametrize(("gateway_s", "worker_s"), [(HOUR_S, 0.0), (-HOUR_S, 0.0), (0.0, HOUR_S), (HOUR_S, -HOUR_S)])
def test_clocks_an_hour_apart_change_nothing(lab: Lab, gateway_s: float, worker_s: float) -> None:
    gateway, worker = lab.gateway(ahead_s=gateway_s), lab.worker(TANH, ahead_s=worker_s)

    # Alive, for a gateway of any time, and measured.
    [model] = [model for model in gateway.http.get("/models").json()["data"] if model["id"] == TANH]
    assert model["workers"] == 1

    # A deadline is neither over before it begins nor an hour late.
    ample = finished(gateway.http, submit(gateway.http, ask(TANH, deadline_s=60)))
    assert ample["status"] == "succeeded", ample
    assert ample["usage"]["queued_s"] < 60
    hour = ample["certificate"]["requested_at"][:13]
    assert f"hour:{hour}" in hours_of(lab)
    worker.signal(signal.SIGSTOP)  # two readings of one clock may differ by a round trip, so the deadline is long past
    late = submit(gateway.http, ask(TANH, deadline_s=0.001))
    time.sleep(1)
    worker.signal(signal.SIGCONT)
    over = finished(gateway.http, late)
    assert over["status"] == "failed", over
    assert over["error"]["type"] == "urn:smoothgen:problem:deadline-passed"

    # Requests are counted in the hour that is read.
    assert finished(gateway.http, submit(gateway.http, fleet_request()))["status"] == "succeeded"
    fleet = gateway.http.get("/fleet").json()["data"]
    assert {each["window"] for each in fleet if each["window"].startswith("hour:")} <= hours_of(lab)
    assert sum(each["certificate"]["requests"] for each in fleet if each["window"].startswith("hour:")) == 1
    assert not any(each["certificate"]["closed"] for each in fleet if each["window"].startswith("day:"))

    # Somebody waits for a comparison though it is past its deadline by another clock.
    compared = gateway.http.post(f"/certificates/{ample['certificate']['id']}/covers", json={"prompts": ["0.1"]})
    assert compared.status_code == 200, compared.text
    assert "Traceback" not in gateway.log + worker.log


@pytest.mark.parametrize("ahead_s", [HOUR_S, -HOUR_S])
def test_how_long_jobs_took_is_measured_by_one_clock(lab: Lab, ahead_s: float) -> None:
    port = free_port()
    gateway, _ = lab.gateway(), lab.worker(TANH, ahead_s=ahead_s, metrics_port=port)
    began = time.monotonic()
    assert finished(gateway.http, submit(gateway.http, ask(TANH)))["status"] == "succeeded"
    text = httpx2.get(f"http://127.0.0.1:{port}/metrics").text
    [seconds] = [line for line in text.splitlines() if line.startswith("smoothgen_job_seconds_sum")]
    assert 0 < float(seconds.rpartition(" ")[2]) <= time.monotonic() - began + 5
