"""Raw sockets against a gateway, and a clock on its /livez from another process."""

from __future__ import annotations

import http.client
import multiprocessing
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.sharedctypes import Synchronized
from multiprocessing.synchronize import Event

import psutil

from tests.support.processes import Gateway

HEAD = b"POST /generate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
HANG_S = 20.0
"""Longer than any answer here takes on a machine that others keep busy; what these tests hold off took minutes."""


def raw_answer(gateway: Gateway, sent: bytes, *, timeout_s: float = 30.0) -> bytes:
    """What the gateway answers to these bytes, until it closes or says all it has to; a broken connection ends it."""
    answer = b""
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=timeout_s) as client:
        try:
            client.sendall(sent)
            while part := client.recv(65536):
                answer += part
                if whole(answer):
                    break
        except (ConnectionResetError, BrokenPipeError):
            answer += left_over(client)
    return answer


def left_over(client: socket.socket) -> bytes:
    """What came before the connection broke."""
    try:
        return client.recv(65536)
    except OSError:
        return b""


def whole(answer: bytes) -> bool:
    """Whether an answer of stated length is complete."""
    head, end, body = answer.partition(b"\r\n\r\n")
    lengths = [int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return bool(end) and bool(lengths) and len(body) >= lengths[0]


def status_of(answer: bytes) -> int:
    """The status of a raw answer; 0 where there is none."""
    return int(answer[9:12]) if answer.startswith(b"HTTP/1.1 ") else 0


def rss_mb(gateway: Gateway) -> float:
    """Resident memory of the gateway's process."""
    return float(psutil.Process(gateway.popen.pid).memory_info().rss) / 2**20


class Watch:
    """How /livez answered while something went on."""

    def __init__(self) -> None:
        self.asked, self.worst_s = 0, 0.0


def _ask(port: int, stop: Event, asked: Synchronized[int], worst: Synchronized[float]) -> None:
    while not stop.is_set():
        started = time.monotonic()
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=2 * HANG_S)
        client.request("GET", "/livez")
        alive = client.getresponse().status == 200
        client.close()
        worst.value = max(worst.value, time.monotonic() - started)
        asked.value += alive
        time.sleep(0.01)


@contextmanager
def livez_watched(gateway: Gateway) -> Iterator[Watch]:
    """Ask /livez again and again from a process of its own, each time on a new connection. Fails where it hung."""
    spawn = multiprocessing.get_context("spawn")
    stop, asked, worst = spawn.Event(), spawn.Value("i", 0), spawn.Value("d", 0.0)
    asker = spawn.Process(target=_ask, args=(gateway.port, stop, asked, worst), daemon=True)
    asker.start()
    watch = Watch()
    try:
        deadline = time.monotonic() + 60
        while not asked.value and time.monotonic() < deadline:  # from its first answer on
            time.sleep(0.01)
        worst.value = 0.0
        yield watch
    finally:
        stop.set()
        asker.join(3 * HANG_S)
        watch.asked, watch.worst_s = asked.value, worst.value
    assert asker.exitcode == 0
    assert watch.asked > 0
    assert watch.worst_s < HANG_S
