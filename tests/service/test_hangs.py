"""A worker whose device does not answer any more, and processes that are stopped for a while and go on."""

from __future__ import annotations

import signal
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest

from smoothgen.process.draining import GOODBYE_S, GRACE_S
from smoothgen.queue import keys
from tests.service.conftest import LONG, ask, finished, submit, substance
from tests.service.test_crashes import running, value_of
from tests.support.processes import SLOW, TANH, HangingWorker, Lab, eventually, free_port
from workers.serving.leaving import ABANDONED

QUICK = {"lease_s": 0.5, "batch_size": 16}
HANGS_SOON = QUICK | {"hang_after_s": 1.0, "first_batch_s": 1.0}
HANGS_LATE = {"batch_size": 16}
"""Its lease is kept all the while, and no hang seen."""


def livez(port: int) -> httpx2.Response:
    return httpx2.get(f"http://127.0.0.1:{port}/livez")


def hung(port: int) -> float:
    return value_of("smoothgen_worker_hung", httpx2.get(f"http://127.0.0.1:{port}/metrics").text)


def holds(lab: Lab, worker: HangingWorker) -> bool:
    """Whether a piece is in this worker's hands."""
    streams = lab.redis.stream_lengths()
    held = [each for s in streams for each in lab.redis.client.xpending_range(s, keys.GROUP, "-", "+", 100)]
    return any(f"-{worker.popen.pid}-" in each["consumer"] for each in held)


@pytest.mark.parametrize("place", ["generate", "condition", "look"])
def test_the_work_of_a_worker_that_hangs_is_finished_by_another(
    lab: Lab, undisturbed: dict[str, Any], place: str
) -> None:
    gateway, port = lab.gateway(), free_port()
    hangs = lab.hanging_worker(SLOW, metrics_port=port, **HANGS_SOON)
    assert livez(port).json() == {"status": "alive"}
    assert hung(port) == 0
    hangs.hang(place)
    job = submit(gateway.http, LONG)
    eventually(lambda: livez(port).status_code == 503)
    told = livez(port)
    assert told.headers["content-type"] == "application/problem+json"
    assert told.json()["type"] == "urn:smoothgen:problem:worker-hung"
    assert f"s in model '{SLOW}'" in told.json()["detail"]
    assert "SMOOTHGEN_HANG_AFTER_S" in told.json()["detail"]
    assert hung(port) == 1
    lab.worker(SLOW, **QUICK)
    view = finished(gateway.http, job)
    assert view["status"] == "succeeded"
    assert substance(view["certificate"]) == substance(undisturbed["certificate"])
    # It takes nothing else, and is not counted.
    others = [submit(gateway.http, ask(SLOW, seed=n)) for n in range(3)]
    assert [finished(gateway.http, other)["status"] for other in others] == ["succeeded"] * 3
    assert not holds(lab, hangs)
    assert gateway.http.get("/models").json()["data"][0]["workers"] == 1
    hangs.go_on()  # its late outcome changes nothing
    eventually(lambda: livez(port).status_code == 200)
    assert hung(port) == 0
    eventually(lambda: gateway.http.get("/models").json()["data"][0]["workers"] == 2)
    assert gateway.http.get(f"/jobs/{job}").json() == view
    assert lab.redis.client.get(keys.backlog(SLOW)) == "0"
    assert hangs.log.count('"computing_hangs"') == hangs.log.count('"computing_goes_on"') == 1
    assert "hanging_worker.py" in hangs.log  # where it hung
    assert "Traceback" not in hangs.log


def test_a_worker_that_hung_serves_again(lab: Lab) -> None:
    gateway, port = lab.gateway(), free_port()
    hangs = lab.hanging_worker(SLOW, metrics_port=port, **HANGS_SOON)
    hangs.hang()
    job = submit(gateway.http, ask(SLOW))
    eventually(lambda: livez(port).status_code == 503)
    hangs.go_on()
    assert finished(gateway.http, job)["status"] == "succeeded"
    assert finished(gateway.http, submit(gateway.http, ask(SLOW, seed=2)))["status"] == "succeeded"


def test_a_comparison_that_hangs_holds_up_no_job(lab: Lab) -> None:
    gateway, port = lab.gateway(covers_wait_s=1), free_port()
    hangs = lab.hanging_worker(TANH, metrics_port=port, **HANGS_SOON)
    certificate = finished(gateway.http, submit(gateway.http, ask()))["id"]
    hangs.hang("condition")
    compare = {"prompts": ["0.1"]}
    assert gateway.http.post(f"/certificates/{certificate}/covers", json=compare).status_code == 504
    eventually(lambda: livez(port).status_code == 503)
    lab.worker(TANH, **QUICK)
    jobs = [submit(gateway.http, ask(seed=n)) for n in range(3)]
    assert [finished(gateway.http, job)["status"] for job in jobs] == ["succeeded"] * 3
    assert gateway.http.post(f"/certificates/{certificate}/covers", json=compare).status_code == 200


def test_a_job_that_hangs_every_worker_is_given_up(lab: Lab) -> None:
    gateway = lab.gateway()
    job = ""
    for _ in range(keys.MAX_DELIVERIES):
        port = free_port()
        hangs = lab.hanging_worker(SLOW, metrics_port=port, **HANGS_SOON | {"lease_s": 30.0})
        hangs.hang()
        job = job or submit(gateway.http, ask(SLOW))
        eventually(lambda port=port: livez(port).status_code == 503)
        hangs.signal(signal.SIGTERM)
        assert hangs.wait() == ABANDONED
    lab.worker(SLOW, **QUICK)
    view = finished(gateway.http, job)
    assert (view["status"], view["error"]["type"]) == ("failed", "urn:smoothgen:problem:job-abandoned")


def test_a_hung_worker_told_to_stop_leaves_at_once_and_another_goes_on(lab: Lab) -> None:
    gateway, port = lab.gateway(), free_port()
    hangs = lab.hanging_worker(SLOW, metrics_port=port, **HANGS_SOON | {"lease_s": 120.0})
    hangs.hang()
    job = submit(gateway.http, LONG)
    eventually(lambda: livez(port).status_code == 503)
    hangs.signal(signal.SIGTERM)
    assert hangs.wait(GOODBYE_S + 10) == ABANDONED
    assert '"abandoned"' in hangs.log
    lab.worker(SLOW, batch_size=64, lease_s=120.0)
    assert finished(gateway.http, job, wait_s=60)["status"] == "succeeded"


def test_a_thread_that_does_not_end_keeps_no_process_alive(lab: Lab) -> None:
    gateway = lab.gateway()
    hangs = lab.hanging_worker(SLOW, drain_timeout_s=0.5, lease_s=120.0, **HANGS_LATE)
    job = submit(gateway.http, LONG)
    running(gateway, job)
    hangs.hang()
    hangs.until_held()
    began = time.monotonic()
    hangs.signal(signal.SIGTERM)
    assert hangs.wait(GRACE_S + GOODBYE_S + 20) == ABANDONED
    assert time.monotonic() - began > GRACE_S
    lab.worker(SLOW, batch_size=64, lease_s=120.0)
    assert finished(gateway.http, job, wait_s=60)["status"] == "succeeded"


def test_a_stopped_workers_work_is_finished_by_another_and_it_goes_on_serving(
    lab: Lab, undisturbed: dict[str, Any]
) -> None:
    gateway, port = lab.gateway(), free_port()
    stopped = lab.worker(SLOW, metrics_port=port, **HANGS_SOON)
    job = submit(gateway.http, LONG)
    running(gateway, job)
    stopped.signal(signal.SIGSTOP)
    other = lab.worker(SLOW, **QUICK)
    view = finished(gateway.http, job)
    assert substance(view["certificate"]) == substance(undisturbed["certificate"])
    stopped.signal(signal.SIGCONT)
    assert livez(port).status_code == 200  # the time it stood still is no hang
    other.signal(signal.SIGTERM)
    other.wait()
    assert finished(gateway.http, submit(gateway.http, ask(SLOW)))["status"] == "succeeded"
    assert gateway.http.get(f"/jobs/{job}").json() == view
    assert lab.redis.client.get(keys.backlog(SLOW)) == "0"
    assert "computing_hangs" not in stopped.log
    assert "Traceback" not in stopped.log


def test_clients_of_a_stopped_gateway_get_their_answer_when_it_goes_on(lab: Lab) -> None:
    gateway, other, _ = lab.gateway(), lab.gateway(), lab.worker(SLOW, batch_size=100)
    with ThreadPoolExecutor() as pool:
        waits = pool.submit(gateway.http.post, "/generate", json=LONG, headers={"prefer": "wait=60"})
        [key] = eventually(lambda: list(lab.redis.client.scan_iter(keys.of_all_models("job:"))))
        gateway.signal(signal.SIGSTOP)
        job = key.rpartition(":")[2]
        assert finished(other.http, job)["status"] == "succeeded"  # it ends meanwhile, and nobody hears
        gateway.signal(signal.SIGCONT)
        response = waits.result(30)
    assert response.status_code == 200
    assert response.json()["status"] == "succeeded"
    assert finished(gateway.http, submit(gateway.http, ask(SLOW, seed=5)))["status"] == "succeeded"


def test_clients_and_workers_outlive_a_stopped_redis(lab: Lab, undisturbed: dict[str, Any]) -> None:
    gateway, worker = lab.gateway(), lab.worker(SLOW, batch_size=50)
    job = submit(gateway.http, LONG)
    running(gateway, job)
    lab.redis.signal(signal.SIGSTOP)
    eventually(lambda: "redis_away" in worker.log)  # it waits for an answer for 5 s
    lab.redis.signal(signal.SIGCONT)
    view = finished(gateway.http, job)
    assert substance(view["certificate"]) == substance(undisturbed["certificate"])
    assert "Traceback" not in gateway.log + worker.log


def test_a_worker_whose_loop_fails_ends(lab: Lab) -> None:
    """It would stay for ever, alive and taking no work, if what runs beside the loop went on."""
    worker = lab.worker(TANH)
    lab.redis.client.delete(keys.work(TANH, "normal"))
    lab.redis.client.set(keys.work(TANH, "normal"), "no stream")
    assert worker.wait() == 70
    assert "worker_crashed" in worker.log
