"""Records in Redis that cannot be read: each harms what it belongs to, and nothing else."""

from __future__ import annotations

import time
from typing import Any

import pytest

from smoothgen.contracts import windows_of
from smoothgen.queue import ANYONE, keys
from tests.service.conftest import ask, finished, submit
from tests.service.test_tiers import ENDLESS, SMALL_BATCHES
from tests.support.processes import SLOW, TANH, Lab, eventually


def failed_as_unreadable(view: dict[str, Any]) -> None:
    assert view["status"] == "failed", view
    assert view["error"]["type"] == "urn:smoothgen:problem:job-unreadable"
    assert "different versions" in view["error"]["detail"]


@pytest.mark.parametrize(
    ("field", "value"),
    [("spec", '{"id": "x", "colour": "red"}'), ("opening", "{}"), ("device_s", "long"), ("attempt", "first")],
)
def test_an_overdue_job_that_cannot_be_read_fails_and_the_deadlines_of_the_others_are_heeded(
    lab: Lab, field: str, value: str
) -> None:
    gateway = lab.gateway()
    worker = lab.worker(SLOW, **SMALL_BATCHES)
    busy = submit(gateway.http, ENDLESS | {"priority": "high"})
    eventually(lambda: gateway.http.get(f"/jobs/{busy}").json()["status"] == "running")
    # Waiting behind, and overdue before the worker comes to them.
    unreadable = submit(gateway.http, ask(SLOW, deadline_s=3) | {"priority": "low"})
    other = submit(gateway.http, ask(SLOW, deadline_s=3) | {"priority": "low"})
    lab.redis.client.hset(keys.job(unreadable), field, value)
    if field != "spec":
        lab.redis.client.hset(keys.distances(unreadable), "0", "AAAAAAAAAAA=")
    lab.redis.client.zadd(keys.deadlines(SLOW), {unreadable: 1})
    failed_as_unreadable(finished(gateway.http, unreadable))
    view = finished(gateway.http, other)
    assert view["error"]["type"] == "urn:smoothgen:problem:deadline-passed"
    assert "Traceback" not in worker.log
    eventually(lambda: not lab.redis.client.zscore(keys.deadlines(SLOW), unreadable))
    assert gateway.http.delete(f"/jobs/{busy}").status_code == 200


def test_a_pool_that_cannot_be_read_hides_no_other(lab: Lab) -> None:
    gateway, _ = lab.gateway(), lab.worker(TANH)
    body = {"model": TANH, "prompt": "0.0", "robustness": {"sigma": 1.0, "tier": "fleet"}}
    assert finished(gateway.http, submit(gateway.http, body))["status"] == "succeeded"
    for window in windows_of(1000 * int(time.time())):
        lab.redis.client.hset(keys.fleet_window(TANH, ANYONE, window), "of another version", '{"colour": "red"}')
    answer = gateway.http.get("/fleet")
    assert answer.status_code == 200
    assert {each["pool"]["model"] for each in answer.json()["data"]} == {TANH}
    assert "fleet_pool_unreadable" in gateway.log


def test_a_card_that_cannot_be_read_hides_no_other(lab: Lab) -> None:
    gateway, _ = lab.gateway(), lab.worker(TANH)
    lab.redis.client.hset(keys.MODELS, "of another version", '{"colour": "red"}')
    assert [model["id"] for model in gateway.http.get("/models").json()["data"]] == [TANH]


def test_a_comparison_that_cannot_be_read_is_answered_and_the_next_one_too(lab: Lab) -> None:
    gateway, worker = lab.gateway(covers_wait_s=20), lab.worker(TANH)
    certificate = finished(gateway.http, submit(gateway.http, ask(TANH)))["certificate"]["id"]
    lab.redis.client.rpush(keys.covers_calls(TANH), "not JSON", '{"id": "call", "gateway": "g", "colour": "red"}')
    eventually(lambda: lab.redis.client.exists(keys.covers_reply("call")))
    assert "job-unreadable" in lab.redis.client.get(keys.covers_reply("call"))
    assert lab.redis.client.xlen(keys.replies("g")) == 1
    compared = gateway.http.post(f"/certificates/{certificate}/covers", json={"prompts": ["0.1"]})
    assert compared.status_code == 200, compared.text
    lab.redis.client.set(keys.asked(certificate), '{"colour": "red"}')
    compared = gateway.http.post(f"/certificates/{certificate}/covers", json={"prompts": ["0.1"]})
    assert compared.status_code == 500
    assert compared.json()["type"] == "urn:smoothgen:problem:job-unreadable"
    assert "Traceback" not in worker.log
