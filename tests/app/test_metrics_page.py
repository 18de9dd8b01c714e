"""What /metrics tells of the queue, and what it does not compute."""

from __future__ import annotations

import math
import re
from typing import Any

from smoothgen.contracts import GenerateRequest, windows_of, written_bin
from smoothgen.planning.plan import plan
from smoothgen.queue import ANYONE, keys
from tests.app.conftest import NUMBERS, model_card, register, request_body
from tests.service.conftest import ask, finished, submit
from tests.support.processes import TANH, Gateway, Lab, eventually

BIN = written_bin(1)


def values(gateway: Gateway, name: str) -> dict[str, float]:
    """The series of one metric, by their labels as the page writes them."""
    found = re.findall(rf"(?m)^{name}(?:\{{(.*)\}})? (\S+)$", gateway.http.get("/metrics").text)
    return {labels: float(value) for labels, value in found}


def test_work_that_nobody_takes_grows_old(lab: Lab) -> None:
    register(lab.redis, model_card(NUMBERS))
    gateway = lab.gateway()
    label = f'model="{NUMBERS}"'
    assert values(gateway, "smoothgen_workers") == {label: 0}
    assert values(gateway, "smoothgen_queue_oldest_seconds") == {label: 0}
    for _ in range(2):
        submit(gateway.http, request_body())
    first = eventually(lambda: values(gateway, "smoothgen_queue_oldest_seconds")[label])
    eventually(lambda: values(gateway, "smoothgen_queue_oldest_seconds")[label] > first)


def test_work_that_is_done_is_not_old_and_its_workers_are_counted(lab: Lab) -> None:
    gateway = lab.gateway()
    lab.worker(TANH), lab.worker(TANH)
    label = f'model="{TANH}"'
    assert values(gateway, "smoothgen_workers") == {label: 2}
    finished(gateway.http, submit(gateway.http, ask()))
    assert values(gateway, "smoothgen_queue_oldest_seconds") == {label: 0}


def test_dead_letters_and_memory_are_told_and_forgotten_with_redis(lab: Lab) -> None:
    register(lab.redis, model_card(NUMBERS))
    gateway = lab.gateway()
    label = f'model="{NUMBERS}"'
    assert values(gateway, "smoothgen_dead_letters") == {label: 0}
    assert values(gateway, "smoothgen_redis_memory_limit_bytes") == {"": 0}
    for job in ("a", "b"):
        lab.redis.client.xadd(keys.dead(NUMBERS), {"job": job})
    lab.redis.client.config_set("maxmemory", "100mb")
    assert values(gateway, "smoothgen_dead_letters") == {label: 2}
    assert values(gateway, "smoothgen_redis_memory_limit_bytes") == {"": 100 * 2**20}
    assert 100_000 < values(gateway, "smoothgen_redis_memory_bytes")[""] < 100 * 2**20
    lab.redis.kill()
    for name in ("smoothgen_dead_letters", "smoothgen_workers", "smoothgen_queue_oldest_seconds"):
        assert values(gateway, name) == {}
    assert math.isnan(values(gateway, "smoothgen_redis_memory_bytes")[""])


def pools_of_the_last_hour(lab: Lab, count: int) -> list[str]:
    """Ids of pools that clients made with so many noise levels; the n-th, counted from 1, has n requests."""
    ids = []
    for n in range(1, count + 1):
        body: dict[str, Any] = request_body(**{"robustness.sigma": 1 + n / 100, "robustness.tier": "fleet"})
        pool = plan(GenerateRequest.model_validate(body), model_card(NUMBERS), max_samples=1000).pool
        assert pool is not None
        ids.append(pool.id)
        now_ms = 1000 * lab.redis.client.time()[0]
        for ago_ms in (0, 3_600_000):  # the running hour too: it is the last where an hour ends meanwhile
            window = windows_of(now_ms - ago_ms)[0]
            lab.redis.client.hset(keys.fleet_window(NUMBERS, ANYONE, window), pool.id, pool.model_dump_json())
            lab.redis.client.set(keys.fleet_bins(NUMBERS, ANYONE, window, pool.id), BIN * n)
    return ids


def test_of_the_pools_that_clients_make_only_the_largest_are_shown(lab: Lab) -> None:
    register(lab.redis, model_card(NUMBERS))
    ids = pools_of_the_last_hour(lab, 30)
    gateway = lab.gateway()
    shown = eventually(lambda: values(gateway, "smoothgen_fleet_requests"))
    assert sorted(shown.values()) == list(range(23, 31))
    assert {re.search(r'pool="(\w+)"', labels)[1] for labels in shown} == set(ids[22:])  # type: ignore[index]
    assert len(values(gateway, "smoothgen_fleet_w1_bound")) == 8 * 4


def test_a_scrape_computes_no_certificate(lab: Lab) -> None:
    """What comes after the first round is not computed again by scrapes: their answer stays as it was."""
    register(lab.redis, model_card(NUMBERS))
    gateway = lab.gateway()
    pools_of_the_last_hour(lab, 2)
    before = eventually(lambda: values(gateway, "smoothgen_fleet_requests"))
    lab.redis.client.delete(*lab.redis.client.keys(keys.of_all_models("fleet:")))
    assert values(gateway, "smoothgen_fleet_requests") == before
