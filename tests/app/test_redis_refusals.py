"""What a Redis may say that cannot serve now: each is a 503, and no worker or gateway stops for it."""

from __future__ import annotations

import socketserver
import threading

import pytest

from smoothgen.queue import ANYONE, new_id
from smoothgen.queue.sentinel import SentinelAddress, read_address
from tests.app.conftest import problem_of
from tests.support.processes import TANH, Gateway, Lab, Worker, eventually

JOB = new_id(TANH, ANYONE)
REFUSALS = [
    "READONLY You can't write against a read only replica.",
    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    "LOADING Redis is loading the dataset in memory",
    "NOAUTH Authentication required.",
    "NOPERM this user has no permissions to run the command",
    "DENIED Redis is running in protected mode",
    "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
    "UNKILLABLE Sorry the script already executed write commands against the dataset.",
    "CLUSTERDOWN The cluster is down",
    "TRYAGAIN Multiple keys request during rehashing of slot",
    "MOVED 3999 127.0.0.1:6381",
    "OOM command not allowed when used memory > 'maxmemory'.",
    "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.",
    "NOREPLICAS Not enough good replicas to write.",
    "ERR DB index is out of range",
    "ERR ACL failure in script: User smoothgen has no permissions to run the 'hset' command",
]


class Refusing(socketserver.StreamRequestHandler):
    """Says the same to every command."""

    said = ""

    def handle(self) -> None:
        while line := self.rfile.readline():
            if line.startswith(b"*"):
                self.wfile.write(f"-{Refusing.said}\r\n".encode())


def test_whatever_redis_refuses_with_is_a_503_and_passes(lab: Lab) -> None:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Refusing) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"redis://127.0.0.1:{server.server_address[1]}/0"
        Refusing.said = REFUSALS[0]
        gateway = lab.keep(Gateway(url, lab.folder / "gateway")).until_alive()
        worker = lab.keep(Worker(url, lab.folder / "worker", TANH))
        for said in REFUSALS:
            Refusing.said = said
            for path in ("/readyz", "/models", f"/certificates/{JOB}", f"/jobs/{JOB}", "/fleet"):
                problem_of(gateway.http.get(path), 503)
            body = {"model": TANH, "prompt": "0.0", "robustness": {"sigma": 1.0}}
            problem_of(gateway.http.post("/generate", json=body), 503)
            heard = worker.log.count("redis_away")
            eventually(lambda heard=heard: worker.log.count("redis_away") > heard, 60)
        assert worker.popen.poll() is None
        server.shutdown()
    assert "Traceback" not in gateway.log + worker.log


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis+sentinel://one/service", SentinelAddress((("one", 26379),), "service")),
        (
            "redis+sentinel://one:1,two:2,[::1]:3/service/4",
            SentinelAddress((("one", 1), ("two", 2), ("::1", 3)), "service", 4),
        ),
        (
            "rediss+sentinel://me:a%40b@one:1/service",
            SentinelAddress((("one", 1),), "service", 0, "me", "a@b", ssl=True),
        ),
        ("redis+sentinel://:secret@one:1/service", SentinelAddress((("one", 1),), "service", 0, None, "secret")),
    ],
)
def test_addresses_of_sentinels_are_read(url: str, address: SentinelAddress) -> None:
    assert read_address(url) == address


@pytest.mark.parametrize(
    "url",
    [
        "redis+sentinel://one:1",
        "redis+sentinel://me:secret@one:1/",
        "redis+sentinel://me:secret@one:1/service/first",
        "redis+sentinel://me:secret@/service",
        "redis+sentinel://me:secret@one:99999/service",
        "redis+sentinel://me:secret@one:1/service?db=1",
    ],
)
def test_an_address_that_is_none_is_refused_with_its_form_and_without_the_password(url: str) -> None:
    with pytest.raises(ValueError, match="write") as refused:
        read_address(url)
    assert "redis+sentinel://[user:password@]host:port" in str(refused.value)
    assert "secret" not in str(refused.value)


def test_a_gateway_with_an_address_that_is_none_says_so_in_one_line(lab: Lab) -> None:
    gateway = lab.keep(Gateway("redis+sentinel://one:1", lab.folder / "log"))
    assert gateway.wait() == 1
    assert "gateway_cannot_start" in gateway.log
    assert "Traceback" not in gateway.log
