"""A closed-loop HTTP/1.1 client that costs little, for it shares the machine with the servers it measures.

One thread, one epoll, keep-alive, no HTTP library: about 15 µs of CPU a request. Every answer's status and length are
read; the bodies of a sample are kept for the caller to judge.
"""

from __future__ import annotations

import gc
import re
import select
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil

SILENCE_S = 15.0
"""A request that is not answered within so long is a failure."""
_KEEP_EVERY = 101
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_END = b"\r\n\r\n"


class LoadFailed(Exception):
    """A server refused, broke off, fell silent, or answered something else than what was asked for."""


@dataclass(frozen=True)
class Window:
    """What happened between two moments of a running load. Latencies are sorted, in seconds."""

    seconds: float
    latencies: list[float]
    server_cpu_s: float
    client_cpu_s: float
    foreign_cpu_s: float
    """What everything else on the machine took meanwhile."""
    kept: list[bytes]

    def quantile(self, q: float) -> float:
        """The latency that a share q of the answers did not exceed: an order statistic, no interpolation."""
        return self.latencies[min(len(self.latencies) - 1, int(q * len(self.latencies)))]


def request_bytes(path: str, body: bytes, headers: dict[str, str]) -> bytes:
    """One POST, ready to be sent again and again."""
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json"]
    lines += [f"{name}: {text}" for name, text in headers.items()]
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body


class _Connection:
    """One socket with at most one request on its way."""

    __slots__ = ("_buffer", "_request", "_wanted", "sent", "socket")

    def __init__(self, port: int, request: bytes) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=SILENCE_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._request, self._buffer, self._wanted = request, b"", 0

    def send(self) -> None:
        self.sent = time.perf_counter()
        self.socket.sendall(self._request)

    def receive(self) -> bytes | None:
        """The body once it is complete. Raises LoadFailed unless it is a 200 of stated length."""
        part = self.socket.recv(262_144)
        if not part:
            raise LoadFailed(f"the server closed a connection after {self._buffer[:200]!r}")
        self._buffer = self._buffer + part if self._buffer else part
        if not self._wanted:
            head = self._buffer.find(_END)
            if head < 0:
                return None
            length = _LENGTH.search(self._buffer, 0, head)
            if not self._buffer.startswith(b"HTTP/1.1 200 ") or length is None:
                raise LoadFailed(f"not a 200 of stated length: {self._buffer[:2000].decode(errors='replace')}")
            self._wanted = head + len(_END) + int(length[1])
        if len(self._buffer) < self._wanted:
            return None
        if len(self._buffer) > self._wanted:
            raise LoadFailed(f"more bytes than the answer states: {self._buffer[self._wanted :][:200]!r}")
        body = self._buffer[self._buffer.find(_END) + len(_END) :]
        self._buffer, self._wanted = b"", 0
        return body


def load(
    port: int,
    request: bytes,
    *,
    connections: int,
    seconds: float,
    ramp_s: float,
    server_cpu: Callable[[], float],
) -> Window:
    """Keep `connections` requests on their way; measure `seconds` of it, after `ramp_s` that do not count.

    Raises LoadFailed, or OSError where the server cannot be reached.
    """
    epoll = select.epoll()
    opened: dict[int, _Connection] = {}
    gc.disable()
    try:
        for _ in range(connections):
            connection = _Connection(port, request)
            opened[connection.socket.fileno()] = connection
            epoll.register(connection.socket, select.EPOLLIN)
        for connection in opened.values():
            connection.send()
        _until(epoll, opened, time.perf_counter() + ramp_s, [], [])
        latencies: list[float] = []
        kept: list[bytes] = []
        started, before = time.perf_counter(), (server_cpu(), time.process_time(), _machine_cpu())
        _until(epoll, opened, started + seconds, latencies, kept)
        ended, after = time.perf_counter(), (server_cpu(), time.process_time(), _machine_cpu())
        _drain(epoll, opened)
    finally:
        gc.enable()
        for connection in opened.values():
            connection.socket.close()
        epoll.close()
    if not latencies:
        raise LoadFailed(f"no answer within {seconds} s at {connections} connections")
    server, client, machine = (late - early for early, late in zip(before, after, strict=True))
    return Window(ended - started, sorted(latencies), server, client, max(0.0, machine - server - client), kept)


def _machine_cpu() -> float:
    times = psutil.cpu_times()
    return float(times.user + times.nice + times.system + times.irq + times.softirq + times.steal)


def _until(
    epoll: select.epoll, opened: dict[int, _Connection], deadline: float, latencies: list[float], kept: list[bytes]
) -> None:
    while True:
        left = deadline - time.perf_counter()
        if left <= 0:
            return
        for number, _ in epoll.poll(left):
            connection = opened[number]
            body = connection.receive()
            if body is None:
                continue
            latencies.append(time.perf_counter() - connection.sent)
            if len(latencies) % _KEEP_EVERY == 1:
                kept.append(body)
            connection.send()


def _drain(epoll: select.epoll, opened: dict[int, _Connection]) -> None:
    """Take the last answers, so that nothing of this load is computed during the next one."""
    waiting = set(opened)
    while waiting:
        ready = epoll.poll(SILENCE_S)
        if not ready:
            raise LoadFailed(f"{len(waiting)} of {len(opened)} requests were not answered within {SILENCE_S} s")
        for number, _ in ready:
            if opened[number].receive() is not None:
                waiting.discard(number)
