"""Rates and quotas of keys on real gateways, and keys while Redis is away."""

from __future__ import annotations

import asyncio
import signal
from typing import Any

import httpx2
import pytest

from app.access.remembered import FRESH_S
from tests.app.conftest import problem_of
from tests.service.conftest import ask
from tests.support.api_keys import ApiKeys
from tests.support.processes import SLOW, TANH, Gateway, Lab, eventually

Headers = dict[str, str]


def left_of(response: httpx2.Response, unit: str) -> int:
    """What is left of a limit by the RateLimit field."""
    items = {item.split(";")[0].strip('" '): item for item in response.headers["ratelimit"].split(",")}
    return int(items[unit].partition(";r=")[2].partition(";")[0])


def post(gateway: Gateway, headers: Headers, samples: int, **more: Any) -> httpx2.Response:
    body = ask(more.pop("model", TANH), samples=samples, **more.pop("robustness", {})) | more.pop("body", {})
    return gateway.http.post("/generate", json=body, headers={"prefer": "respond-async"} | headers | more)


def owed_by(gateway: Gateway, headers: Headers, samples: int) -> int:
    """Noisy samples that a job of this size is promised: those of its selection too."""
    plan = gateway.http.post("/plans", json=ask(samples=samples), headers=headers).json()
    return int(plan["generations"])


def test_fifty_requests_at_once_through_two_gateways_are_promised_no_more_than_the_quota(lab: Lab) -> None:
    gateways = [lab.gateway(), lab.gateway()]
    lab.worker(TANH)
    made = ApiKeys(lab.redis.url)
    _, unlimited = made.create("alice")
    each = owed_by(gateways[0], unlimited, 40)
    _, headers = made.create("alice", quota=f"{7 * each + each // 2}/day")

    async def fifty() -> list[httpx2.Response]:
        async with httpx2.AsyncClient(timeout=120) as http:
            urls = [f"{gateways[n % 2].url}/generate" for n in range(50)]
            sent = {"prefer": "respond-async"} | headers
            return await asyncio.gather(*(http.post(url, json=ask(samples=40), headers=sent) for url in urls))

    answers = asyncio.run(fifty())
    accepted = [answer for answer in answers if answer.status_code in (200, 202)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert (len(accepted), len(refused)) == (7, 43)
    for answer in refused:
        problem = problem_of(answer, 429)
        assert problem["type"] == "urn:smoothgen:problem:quota-exceeded"
        assert left_of(answer, "samples") == each // 2
        assert 0 < int(answer.headers["retry-after"]) <= 86_400
        policy = f'"samples";q={7 * each + each // 2};qu="samples";w=86400'
        assert answer.headers["ratelimit-policy"] == policy
    assert post(gateways[0], unlimited, 40).status_code in (200, 202)


def test_a_job_that_drew_nothing_and_one_that_was_refused_cost_no_quota(lab: Lab) -> None:
    gateway = lab.gateway(max_queued_samples_per_key=500)
    made = ApiKeys(lab.redis.url)
    worker = lab.worker(TANH)
    _, headers = made.create("alice", quota="1000/day")
    each = owed_by(gateway, headers, 100)
    worker.signal(signal.SIGTERM)
    assert worker.wait(60) == 0

    waiting = post(gateway, headers, 100, **{"idempotency-key": "monday"})
    assert (waiting.status_code, left_of(waiting, "samples")) == (202, 1000 - each)
    again = post(gateway, headers, 100, **{"idempotency-key": "monday"})  # the same job, and promised once
    assert again.json()["id"] == waiting.json()["id"]
    conflict = post(gateway, headers, 101, **{"idempotency-key": "monday"})
    assert conflict.status_code == 409
    full = post(gateway, headers, 450)
    assert "overloaded" in problem_of(full, 429)["type"]
    wrong = post(gateway, headers, 100, body={"unknown": 1})
    assert wrong.status_code == 422

    never = problem_of(post(gateway, headers, 5000), 429)["detail"]
    assert "ask for 1000 at most" in never
    gateway.http.delete(f"/jobs/{waiting.json()['id']}", headers=headers)
    following = post(gateway, headers, 100)
    assert left_of(following, "samples") == 1000 - each

    overdue = post(gateway, headers, 100, robustness={"deadline_s": 1})
    assert left_of(overdue, "samples") == 1000 - 2 * each
    lab.worker(TANH)
    job = f"/jobs/{overdue.json()['id']}"
    eventually(lambda: gateway.http.get(job, headers=headers).json()["status"] in ("failed", "succeeded"), 60)
    ended = gateway.http.get(job, headers=headers).json()
    expected = each if ended["status"] == "failed" else 2 * each
    eventually(lambda: left_of(post(gateway, headers, 1500), "samples") == 1000 - expected)


def test_a_key_whose_quota_is_used_up_is_still_given_the_job_it_made(lab: Lab) -> None:
    gateway, made = lab.gateway(default_wait_s=60), ApiKeys(lab.redis.url)
    lab.worker(TANH)
    _, unlimited = made.create("alice")
    each = owed_by(gateway, unlimited, 40)
    _, headers = made.create("alice", quota=f"{each}/day")
    first = post(gateway, headers, 40, **{"idempotency-key": "once"})
    assert post(gateway, headers, 40, **{"idempotency-key": "once"}).json()["id"] == first.json()["id"]
    problem_of(post(gateway, headers, 40, **{"idempotency-key": "another"}), 429)
    job = f"/jobs/{first.json()['id']}"
    assert gateway.http.get(job, headers={"prefer": "wait=60"} | headers).json()["status"] == "succeeded"
    problem_of(post(gateway, headers, 40), 429)  # what was drawn is not given back


def test_a_job_that_was_drawn_from_and_is_cancelled_keeps_its_quota(lab: Lab) -> None:
    gateway, made = lab.gateway(), ApiKeys(lab.redis.url)
    lab.worker(SLOW, batch_size=1)
    _, headers = made.create("alice", quota="100000/day")
    running = post(gateway, headers, 5000, model=SLOW)
    left, job = left_of(running, "samples"), f"/jobs/{running.json()['id']}"
    eventually(lambda: gateway.http.get(job, headers=headers).json()["progress"]["done"] > 0, 60)
    assert gateway.http.delete(job, headers=headers).json()["status"] == "cancelled"
    assert left_of(post(gateway, headers, 5000, model=SLOW), "samples") < left


def test_a_rate_is_counted_for_all_gateways_together_and_told(lab: Lab) -> None:
    gateways = [lab.gateway(), lab.gateway()]
    _, headers = ApiKeys(lab.redis.url).create("alice", rate="4/day")
    answers = [gateways[n % 2].http.get("/models", headers=headers) for n in range(5)]
    assert [answer.status_code for answer in answers] == [200] * 4 + [429]
    assert [left_of(answer, "requests") for answer in answers] == [3, 2, 1, 0, 0]
    assert {answer.headers["ratelimit-policy"] for answer in answers} == {'"requests";q=4;qu="requests";w=86400'}
    problem = problem_of(answers[-1], 429)
    assert problem["type"] == "urn:smoothgen:problem:rate-exceeded"
    assert 0 < int(answers[-1].headers["retry-after"]) <= 86_400 / 4
    assert gateways[0].http.get("/livez", headers=headers).status_code == 200
    told = gateways[0].http.post("/v1/responses", json={}, headers=headers)
    assert told.json()["error"]["type"] == "rate_limit_error"


@pytest.mark.parametrize("how", ["killed", "stopped"])
def test_without_redis_known_keys_go_on_for_a_while_and_unknown_ones_get_503(lab: Lab, how: str) -> None:
    grace_s = FRESH_S + 8
    gateway, made = lab.gateway(key_grace_s=grace_s), ApiKeys(lab.redis.url)
    _, known = made.create("alice")
    _, limited = made.create("alice", rate="1000/s")
    _, unseen = made.create("alice")

    def verified(headers: Headers) -> httpx2.Response:  # needs no Redis
        return gateway.http.post("/certificates/verify", json={}, headers=headers)

    eventually(lambda: verified({}).status_code == 401)
    assert [verified(headers).status_code for headers in (known, limited)] == [200, 200]
    lab.redis.kill() if how == "killed" else lab.redis.signal(signal.SIGSTOP)
    try:
        assert verified(known).status_code == 200
        for headers in (limited, unseen):
            problem = problem_of(verified(headers), 503)
            assert problem["type"] == "urn:smoothgen:problem:queue-unavailable"
        assert verified(unseen).headers["retry-after"] == "2"
        assert verified({}).status_code == 401
        eventually(lambda: verified(known).status_code == 503, 4 * grace_s)
    finally:
        lab.redis.start() if how == "killed" else lab.redis.signal(signal.SIGCONT)
    for headers in (known, limited, unseen):
        eventually(lambda headers=headers: verified(headers).status_code == 200, 30)  # type: ignore[misc]
