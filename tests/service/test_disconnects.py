"""Clients that go away while they wait for a job or follow it, and what becomes of the job."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.service.conftest import ask, finished, submit
from tests.support.processes import SLOW, TANH, Gateway, Lab, eventually

LONG = ask(SLOW, samples=20_000) | {"cancel_on_disconnect": True}
CHAT = {
    "model": SLOW,
    "messages": [{"role": "user", "content": "0.5"}],
    "smoothgen": {"cancel_on_disconnect": True, "robustness": {"sigma": 1.0, "samples": 20_000}},
}


@contextmanager
def waiting(gateway: Gateway, method: str, path: str, body: Any = None, **headers: str) -> Iterator[socket.socket]:
    """A client that has asked, and reads no answer; when the block ends it goes away."""
    content = b"" if body is None else json.dumps(body).encode()
    head = {"Host": "127.0.0.1", "Content-Type": "application/json", "Content-Length": str(len(content)), **headers}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in head.items()), "", ""]
    with socket.create_connection(("127.0.0.1", gateway.port)) as connection:
        connection.sendall("\r\n".join(lines).encode() + content)
        yield connection


def jobs(lab: Lab, attendants: int | None = None) -> list[str]:
    """The ids of the jobs there are. attendants: only those that so many requests wait for."""
    client = lab.redis.client
    ids = [key.rpartition(":")[2] for key in client.scan_iter("smoothgen:*:job:*")]
    attended = {key.rpartition(":")[2]: client.zcard(key) for key in client.scan_iter("smoothgen:*:attended:*")}
    return [each for each in ids if attendants is None or attended.get(each, 0) == attendants]


def attended(lab: Lab, by: int = 1) -> str:
    """The id of the job that so many requests wait for, when they do."""
    [job] = eventually(lambda: jobs(lab, by))
    return job


def status(gateway: Gateway, job: str) -> str:
    return str(gateway.http.get(f"/jobs/{job}").json()["status"])


def until(gateway: Gateway, job: str, wanted: str) -> None:
    eventually(lambda: status(gateway, job) == wanted, 60)


def test_a_client_that_goes_away_while_it_waits_cancels_its_job(lab: Lab) -> None:
    gateway, _ = lab.gateway(), lab.worker(SLOW, TANH, batch_size=32)
    with waiting(gateway, "POST", "/generate", LONG, Prefer="wait=100"):
        job = attended(lab)
        until(gateway, job, "running")
    until(gateway, job, "cancelled")
    assert not list(lab.redis.client.scan_iter("smoothgen:*:attended:*"))
    assert 'smoothgen_jobs_cancelled_total{model="closed-form-slow"} 1.0' in gateway.http.get("/metrics").text
    later = finished(gateway.http, submit(gateway.http, ask(TANH)))  # the worker is free for others
    assert later["status"] == "succeeded"


def test_without_the_field_a_job_outlives_its_client(lab: Lab) -> None:
    gateway, _ = lab.gateway(), lab.worker(SLOW, batch_size=32)
    with waiting(gateway, "POST", "/generate", ask(SLOW, samples=1000), Prefer="wait=100"):
        [job] = eventually(lambda: jobs(lab))
        until(gateway, job, "running")
    assert finished(gateway.http, job)["status"] == "succeeded"


def test_a_job_goes_on_while_another_request_waits_for_it(lab: Lab) -> None:
    one, other, _ = lab.gateway(), lab.gateway(), lab.worker(SLOW, batch_size=32)
    key = {"Prefer": "wait=100", "Idempotency-Key": "the same"}
    with waiting(other, "POST", "/generate", LONG, **key):
        with waiting(one, "POST", "/generate", LONG, **key):
            job = attended(lab, by=2)
        assert attended(lab, by=1) == job
        assert status(one, job) in ("queued", "running")
    until(one, job, "cancelled")
    assert jobs(lab) == [job]


def test_the_key_of_a_job_that_its_clients_left_makes_a_new_one(lab: Lab) -> None:
    gateway, _ = lab.gateway(), lab.worker(SLOW, batch_size=1000)
    body = ask(SLOW, samples=3000) | {"cancel_on_disconnect": True}
    with waiting(gateway, "POST", "/generate", body, Prefer="wait=100", **{"Idempotency-Key": "again"}):
        job = attended(lab)
    until(gateway, job, "cancelled")
    answer = gateway.http.post("/generate", json=body, headers={"prefer": "wait=0", "idempotency-key": "again"})
    again = str(answer.json()["id"])
    assert again != job
    assert finished(gateway.http, again)["status"] == "succeeded"


def test_whoever_was_answered_attends_no_longer(lab: Lab) -> None:
    gateway = lab.gateway()
    lab.worker(SLOW, batch_size=32)
    key = {"Idempotency-Key": "the same"}
    with waiting(gateway, "POST", "/generate", LONG, Prefer="wait=100", **key):
        job = attended(lab)
        answer = gateway.http.post("/generate", json=LONG, headers={"prefer": "wait=1", **key})
        assert (answer.status_code, answer.json()["id"]) == (202, job)
        assert attended(lab, by=1) == job
    until(gateway, job, "cancelled")


def test_whoever_polls_or_follows_may_go_away_too(lab: Lab) -> None:
    gateway = lab.gateway()
    lab.worker(SLOW, batch_size=32)
    for path, headers in (("/jobs/{}", {"Prefer": "wait=100"}), ("/jobs/{}/events", {})):
        job = submit(gateway.http, LONG)
        with waiting(gateway, "GET", path.format(job), **headers):
            assert attended(lab) == job
        until(gateway, job, "cancelled")


def test_clients_of_openais_interface_may_go_away_too(lab: Lab) -> None:
    gateway = lab.gateway()
    lab.worker(SLOW, batch_size=32)
    for streams in (False, True):
        with waiting(gateway, "POST", "/v1/chat/completions", CHAT | {"stream": streams}):
            job = attended(lab)
        until(gateway, job, "cancelled")


def test_a_stopping_gateway_cancels_nothing(lab: Lab) -> None:
    gateway, other, _ = lab.gateway(), lab.gateway(), lab.worker(SLOW, batch_size=1000)
    body = ask(SLOW, samples=3000) | {"cancel_on_disconnect": True}
    with waiting(gateway, "POST", "/generate", body, Prefer="wait=100") as connection:
        job = attended(lab)
        gateway.popen.terminate()
        assert connection.recv(12).endswith(b"202")
        gateway.wait()
    assert finished(other.http, job)["status"] == "succeeded"


def test_a_silent_connection_is_probed(lab: Lab) -> None:
    """Linux lists the timer of each connection (proc(5)): 2 is the one of keepalive probes."""
    gateway = lab.gateway()
    gateway.http.close()
    with socket.create_connection(("127.0.0.1", gateway.port)) as connection:
        here, there = (f":{port:04X}" for port in (gateway.port, connection.getsockname()[1]))

        def timers() -> list[str]:
            rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
            return [row[5][:2] for row in rows if row[1].endswith(here) and row[2].endswith(there)]

        eventually(lambda: timers() == ["02"])
