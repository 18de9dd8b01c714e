"""kill -9 of everything, in the middle of everything: an accepted job is finished, and with the same certificate."""

from __future__ import annotations

import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest

from smoothgen import Client
from smoothgen.queue import keys
from tests.service.conftest import LONG, ask, finished, submit, substance
from tests.support.processes import SLOW, TANH, Gateway, Lab, Worker, eventually, free_port

QUICK_LEASE = {"lease_s": 0.5, "batch_size": 16}
"""2032 samples of closed-form-slow take 6 s."""


def running(gateway: Gateway, job: str, done: int = 1) -> None:
    """Wait until a job has got somewhere."""
    eventually(lambda: gateway.http.get(f"/jobs/{job}").json()["progress"]["done"] >= done)


def test_another_worker_finishes_a_killed_ones_job_with_the_same_certificate(
    lab: Lab, undisturbed: dict[str, Any]
) -> None:
    gateway, first = lab.gateway(), lab.worker(SLOW, **QUICK_LEASE)
    job = submit(gateway.http, LONG)
    running(gateway, job)
    second = lab.worker(SLOW, **QUICK_LEASE | {"batch_size": 100})
    first.kill()
    view = finished(gateway.http, job)
    assert view["status"] == "succeeded"
    assert substance(view["certificate"]) == substance(undisturbed["certificate"])
    assert view["output"] == undisturbed["output"]
    assert second.popen.poll() is None


def test_slow_workers_keep_their_pieces(lab: Lab) -> None:
    gateway, ports = lab.gateway(), [free_port(), free_port()]
    settings = QUICK_LEASE | {"lease_s": 0.25}  # a chunk takes twice as long
    workers = [lab.worker(SLOW, metrics_port=port, **settings) for port in ports]
    assert finished(gateway.http, submit(gateway.http, LONG))["status"] == "succeeded"
    retries = f'smoothgen_job_retries_total{{model="{SLOW}"}}'
    drawn = f'smoothgen_samples_total{{model="{SLOW}",result="whole"}}'
    pages = [httpx2.get(f"http://127.0.0.1:{port}/metrics").text for port in ports]
    assert [value_of(retries, page) for page in pages] == [0, 0]
    shares = [value_of(drawn, page) for page in pages]
    assert sum(shares) == 1032
    assert min(shares) > 0  # one job, two workers
    assert [worker.popen.poll() for worker in workers] == [None, None]


def value_of(series: str, page: str) -> float:
    [line] = [line for line in page.splitlines() if line.startswith(series)]
    return float(line.split()[-1])


def test_a_job_that_kills_its_workers_is_given_up_and_kept_for_the_operator(lab: Lab) -> None:
    gateway = lab.gateway()
    job = ""
    for _ in range(keys.MAX_DELIVERIES):
        worker = lab.worker(SLOW, **QUICK_LEASE | {"lease_s": 0.1})
        job = job or submit(gateway.http, LONG)

        def taken(worker: Worker = worker) -> bool:
            pending = lab.redis.client.xpending_range(keys.work(SLOW, "normal"), keys.GROUP, "-", "+", 1)
            return bool(pending) and f"-{worker.popen.pid}-" in pending[0]["consumer"]

        eventually(taken)
        worker.kill()
    lab.worker(SLOW, **QUICK_LEASE)
    view = finished(gateway.http, job)
    assert view["status"] == "failed"
    assert f"{keys.MAX_DELIVERIES} workers took a piece of this job and fell silent" in view["error"]["detail"]
    assert [entry["job"] for _, entry in lab.redis.client.xrange(keys.dead(SLOW))] == [job]
    assert lab.redis.client.xlen(keys.work(SLOW, "normal")) == 0


@pytest.mark.parametrize("drain_timeout_s", [0.0, 30.0])
def test_sigterm_hands_back_what_is_left_and_another_goes_on_at_once(
    lab: Lab, undisturbed: dict[str, Any], drain_timeout_s: float
) -> None:
    gateway, worker = lab.gateway(), lab.worker(SLOW, batch_size=16, drain_timeout_s=drain_timeout_s)
    job = submit(gateway.http, LONG)
    running(gateway, job, done=100)
    worker.signal(signal.SIGTERM)
    assert worker.wait(5) == 0
    left = gateway.http.get(f"/jobs/{job}").json()
    assert left["status"] == "running"
    assert gateway.http.get("/models").json()["data"][0]["workers"] == 0
    lab.worker(SLOW, batch_size=500)  # a lease of 30 s
    view = finished(gateway.http, job, wait_s=10)
    assert substance(view["certificate"]) == substance(undisturbed["certificate"])


def test_a_killed_redis_loses_no_accepted_job(lab: Lab, undisturbed: dict[str, Any]) -> None:
    gateway, worker = lab.gateway(), lab.worker(SLOW, TANH, batch_size=50)
    running_job, *waiting_jobs = [submit(gateway.http, body) for body in (LONG, LONG, ask(TANH))]
    running(gateway, running_job)
    with ThreadPoolExecutor() as pool:
        waiting_client = pool.submit(finished, gateway.http, running_job)
        eventually(lambda: lab.redis.client.hget(keys.job(running_job), "watchers"))
        lab.redis.kill()
        time.sleep(0.5)  # away for a while: the worker goes on computing
        lab.redis.start()
        assert substance(waiting_client.result()["certificate"]) == substance(undisturbed["certificate"])
    for job in waiting_jobs:
        assert finished(gateway.http, job)["status"] == "succeeded"
    assert worker.popen.poll() is None
    assert "Traceback" not in gateway.log + worker.log


def test_a_result_computed_while_redis_is_away_is_stored_when_it_is_back(lab: Lab) -> None:
    gateway, worker = lab.gateway(), lab.worker(SLOW, batch_size=100)
    job = submit(gateway.http, LONG)
    running(gateway, job)
    lab.redis.kill()
    eventually(lambda: "redis_away" in worker.log)
    lab.redis.start()
    gateway.until_ready()
    assert finished(gateway.http, job)["status"] == "succeeded"
    assert worker.log.count('"ready"') == 1


def test_a_client_outlives_a_killed_gateway(lab: Lab) -> None:
    gateway, worker = lab.gateway(), lab.worker(SLOW, batch_size=16)
    answers: list[Any] = []

    def generate() -> None:
        with Client(gateway.url) as client:
            answers.append(client.generate("0.0", model=SLOW, tolerance=0.3, samples=1000))

    client = threading.Thread(target=generate)
    client.start()
    eventually(lambda: list(lab.redis.client.scan_iter(keys.of_all_models("job:"))))
    gateway.kill()
    lab.keep(Gateway(lab.redis.url, lab.folder / "again.log", port=gateway.port)).until_ready()
    client.join(30)
    assert answers
    assert answers[0].verify()
    assert len(list(lab.redis.client.scan_iter(keys.of_all_models("job:")))) == 1  # asked again, not queued again
    assert worker.popen.poll() is None


def test_a_stopping_gateway_sends_waiting_clients_on(lab: Lab) -> None:
    gateway, other, _ = lab.gateway(), lab.gateway(), lab.worker(SLOW, batch_size=50)
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(gateway.http.post, "/generate", json=LONG, headers={"prefer": "wait=60"})
        eventually(lambda: list(lab.redis.client.scan_iter(keys.of_all_models("job:"))))
        gateway.signal(signal.SIGTERM)
        response = asked.result(5)
    assert response.status_code == 202
    gateway.wait(5)
    assert finished(other.http, response.headers["location"].removeprefix("/jobs/"))["status"] == "succeeded"


def test_two_gateways_wait_for_each_others_jobs(lab: Lab) -> None:
    one, two, _ = lab.gateway(), lab.gateway(), lab.worker(SLOW, batch_size=100)
    jobs = [submit(one.http, LONG | {"seed": n}) for n in range(2)] + [submit(two.http, LONG | {"seed": 3})]
    with ThreadPoolExecutor(6) as pool:
        views = list(pool.map(lambda pair: finished(pair[0].http, pair[1]), [(g, j) for j in jobs for g in (one, two)]))
    assert {view["status"] for view in views} == {"succeeded"}


def test_a_worker_started_before_redis_serves_when_it_comes(lab: Lab) -> None:
    lab.redis.kill()
    worker = lab.keep(Worker(lab.redis.url, lab.folder / "early.log", TANH))
    eventually(lambda: "redis_away" in worker.log)
    lab.redis.start()
    worker.until_ready()
    gateway = lab.gateway()
    assert finished(gateway.http, submit(gateway.http, ask()))["status"] == "succeeded"


def test_a_worker_without_redis_stops_at_once(lab: Lab) -> None:
    worker = lab.worker(TANH)
    lab.redis.kill()
    eventually(lambda: "redis_away" in worker.log)
    worker.signal(signal.SIGTERM)
    assert worker.wait(10) == 0


def test_workers_and_gateways_outlive_a_redis_that_forgets_everything(lab: Lab) -> None:
    gateway, worker = lab.gateway(), lab.worker(SLOW, batch_size=50, lease_s=0.5)
    forgotten = submit(gateway.http, LONG)
    running(gateway, forgotten)
    lab.redis.client.flushall()
    assert gateway.http.get(f"/jobs/{forgotten}").status_code == 404
    eventually(lambda: gateway.http.get("/models").json()["data"])  # announced again
    job = submit(gateway.http, ask(SLOW))
    assert finished(gateway.http, job)["status"] == "succeeded"
    assert worker.log.count('"ready"') == 1
    assert "Traceback" not in gateway.log + worker.log


def test_who_waits_hears_of_the_end_though_nobody_could_tell(lab: Lab) -> None:
    """As where a worker dies after it has stored the outcome and before it has told the gateways."""
    gateway = lab.gateway()
    worker = lab.worker(SLOW)
    with ThreadPoolExecutor() as pool:
        waits = pool.submit(gateway.http.post, "/generate", json=LONG, headers={"prefer": "wait=55"})
        [key] = eventually(lambda: list(lab.redis.client.scan_iter(keys.of_all_models("job:"))))
        worker.signal(signal.SIGSTOP)
        eventually(lambda: lab.redis.client.hget(key, "watchers"))
        lab.redis.client.hset(key, "watchers", "")
        worker.signal(signal.SIGCONT)
        started = time.monotonic()
        assert waits.result(60).json()["status"] == "succeeded"
        assert time.monotonic() - started < 50
