"""A gateway while Redis is away: alive, not ready, honest, and ready again by itself."""

from __future__ import annotations

import os
import signal
import socketserver
import threading
import time

from tests.app.conftest import model_card, problem_of, register, request_body
from tests.processes import Gateway, Lab, eventually


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
        gateway.http.get("/certificates/x"),
    ):
        problem_of(response, 503)
        assert response.headers["retry-after"]
    assert time.monotonic() - started < 5  # a caller must not pay for our patience

    lab.redis.start()
    gateway.until_ready()
    assert gateway.http.get(f"/jobs/{job['id']}").json() == job
    again = gateway.http.post("/generate", json=request_body(), headers={"idempotency-key": "k"})
    assert again.json()["id"] == job["id"]
    assert lab.redis.client.xlen("smoothgen:work:numbers:normal") == 1
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
    lab.redis.client.config_set("maxmemory", "0")
    assert lab.redis.client.xlen("smoothgen:work:numbers:normal") == 0
    assert not list(lab.redis.client.scan_iter("smoothgen:job:*"))


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


def test_a_redis_that_hangs_is_told_as_a_503(lab: Lab) -> None:
    gateway = lab.gateway(default_wait_s=0)
    process = lab.redis.client.info("server")["process_id"]
    os.kill(process, signal.SIGSTOP)
    try:
        problem_of(gateway.http.get("/models"), 503)
    finally:
        os.kill(process, signal.SIGCONT)
    gateway.until_ready()
