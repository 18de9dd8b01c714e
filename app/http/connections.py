"""Connections before there is a request: heads are bounded in bytes and in time, and connections in number.

uvicorn hands a request on once its headers are whole, and limits none of this for httptools (decision 0014); so this is
its own protocol class, given as `uvicorn.Config(http=…)`, with what comes in counted before it is parsed.
"""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass
from http import HTTPStatus
from typing import ClassVar, Final

import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.http.problems import problem_response
from app.http.request_ids import new_request_id, request_id_of
from smoothgen.contracts import Problem

_MOST_AHEAD: Final = 16
"""Requests a client may send before it has the answer to the first."""
_MOST_TRAILERS: Final = 64
_FRAMING_BYTES: Final = 64 * 1024
_FRAMING_SHARE: Final = 16
"""The framing of a body sent in chunks may be so many bytes, and one more for each so many bytes of body: a million
chunks of one byte take a second to parse."""
_log = structlog.get_logger(__name__)
_MORE_HEADERS: Final = {503: {"Retry-After": "2"}}
_LINGER_S: Final = 1.0
_PROBED_AFTER_S: Final = 30
_PROBED_EVERY_S: Final = 10
_MOST_PROBES: Final = 3
_UNHEARD_S: Final = 60
"""A machine that vanished without closing its connection is noticed after so long: what was sent to it is not
confirmed, or the probes of a silent connection are not answered."""
_LINGER_BYTES: Final = 4 * 1024 * 1024


@dataclass(frozen=True)
class ConnectionLimits:
    """Holds what one connection may take, and how many there may be.

    head_bytes: of a request line and its headers together, at most. head_s: seconds from a connection's start, or a
    later head's first byte, until the head is whole. body_s: seconds from there until the body is. connections: open at
    once.
    """

    head_bytes: int
    head_s: float
    body_s: float
    connections: int


def limited_protocol(limits: ConnectionLimits) -> type[HttpToolsProtocol]:
    """Returns uvicorn's protocol for httptools under these limits, for one server."""

    class Limited(_Limited):
        pass

    Limited.limits, Limited.awaited = limits, {}
    return Limited


class _Limited(HttpToolsProtocol):
    limits: ClassVar[ConnectionLimits]
    awaited: ClassVar[dict[_Limited, None]]
    """The connections on which the client has to send something next, the one that has waited longest first."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        _probe_when_silent(transport)
        self.access_log = (
            False  # app.http.request_metrics writes that line; uvicorn goes by whether its logger has handlers
        )
        self._in_head, self._head_bytes, self._completed = True, 0, 0
        self._sent_bytes = self._body_bytes = 0  # after the head, with and without the framing of chunks
        self._dropped: int | None = None  # bytes since a refusal
        self._timer: asyncio.TimerHandle | None = None
        self.awaited[self] = None
        self._start_timer(self.limits.head_s)
        if len(self.connections) > self.limits.connections:
            # The one that has waited longest for a whole request is closed: a flood of silent ones closes itself.
            oldest = next(iter(self.awaited))
            if oldest is self:
                self._refuse(_too_many(self.limits.connections))
            else:
                oldest.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        self.awaited.pop(self, None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        most = self.limits.head_bytes
        while data and not self.transport.is_closing():
            if self._dropped is not None:
                self._drop(len(data))
                return
            # Never more at once than a head may have, so that not much is parsed of one that is too long.
            part, data = data[:most], data[most:]
            completed = self._completed
            super().data_received(part)
            if not self.transport.is_closing():
                self._count(len(part), began=completed == self._completed)

    def on_headers_complete(self) -> None:
        self._in_head, self._head_bytes = False, 0
        self._sent_bytes = self._body_bytes = 0
        self._stop_timer()
        super().on_headers_complete()
        self.headers = _Trailers()

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._in_head = True
        self._completed += 1
        self._stop_timer()
        self.awaited.pop(self, None)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        if self._in_head and not self.pipeline:
            self.awaited[self] = None
        super().on_response_complete()

    def _count(self, size: int, *, began: bool) -> None:
        """Counts `size` bytes that were parsed. began: whether all of them came after the last whole request."""
        if self._in_head and began:
            self._head_bytes += size
            if self._head_bytes >= self.limits.head_bytes:
                self._refuse(_too_long(self.limits.head_bytes))
            elif self._timer is None:
                self._start_timer(self.limits.head_s)
        elif not self._in_head:
            self._sent_bytes += size
            if self._timer is None:
                self._start_timer(self.limits.body_s)
            if self._sent_bytes - self._body_bytes > _FRAMING_BYTES + self._body_bytes // _FRAMING_SHARE:
                self._refuse(_too_finely_cut())
        if len(self.pipeline) > _MOST_AHEAD:
            self.transport.close()

    def _start_timer(self, seconds: float) -> None:
        self._timer = self.loop.call_later(seconds, self._late)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _late(self) -> None:
        self._timer = None
        if self.transport.is_closing() or self._dropped is not None:
            return
        if not self._in_head:
            self._refuse(_too_slow("body", self.limits.body_s))
        elif self._head_bytes:
            self._refuse(_too_slow("headers", self.limits.head_s))
        else:
            self.transport.close()

    def _refuse(self, problem: Problem) -> None:
        """Answers in the application's place and closes; what comes until then is dropped, and no more is parsed."""
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            if self._in_head or cycle.response_started:
                self.transport.close()  # an answer now would land in another, or before it
                return
            cycle.disconnected = True
            cycle.message_event.set()
        self._dropped = 0
        self._stop_timer()
        more = {"Connection": "close", **_MORE_HEADERS.get(problem.status, {})}
        # The request that is being read has an id from its head on; what never was a request gets one and a line here.
        known = None if cycle is None or cycle.response_complete else request_id_of(cycle.scope)
        if cycle is not None and known is not None:
            cycle.scope["state"]["answered"] = problem.status  # for its line in the log
        request_id = known or new_request_id()
        if known is None:
            _log.info("connection_refused", status=problem.status, request_id=request_id)
        response = problem_response(problem, more | {"X-Request-ID": request_id})
        lines = [f"{name.decode()}: {value.decode()}" for name, value in response.raw_headers]
        head = "\r\n".join([f"HTTP/1.1 {problem.status} {HTTPStatus(problem.status).phrase}", *lines, "", ""])
        self.transport.write(head.encode() + bytes(response.body))
        # Not at once: to a client that is still sending, the connection would break before it reads.
        self.loop.call_later(_LINGER_S, self.transport.close)

    def _drop(self, size: int) -> None:
        self._dropped = (self._dropped or 0) + size
        if self._dropped > _LINGER_BYTES:
            self.transport.close()


def _probe_when_silent(transport: asyncio.Transport) -> None:
    """Has the system find out whether the other end of a connection is still there, and close it where it is not."""
    connection: socket.socket = transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _PROBED_AFTER_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _PROBED_EVERY_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, _MOST_PROBES)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNHEARD_S * 1000)


class _Trailers(list[tuple[bytes, bytes]]):
    """Where headers go that come after the body: nobody reads them, and a parser that is asked for many millions of
    them holds the loop up."""

    def append(self, header: tuple[bytes, bytes]) -> None:
        """Keeps one. Raises ValueError for too many, which the parser turns into 400."""
        if len(self) >= _MOST_TRAILERS:
            raise ValueError(f"more than {_MOST_TRAILERS} headers after a body")
        super().append(header)


def _too_long(most: int) -> Problem:
    return Problem.of(
        "headers-too-large",
        "Request Header Fields Too Large",
        431,
        f"the request line and headers have more than {most} bytes; send fewer or shorter ones",
    )


def _too_slow(what: str, seconds: float) -> Problem:
    return Problem.of(
        "request-timeout", "Request Timeout", 408, f"the {what} did not come whole within {seconds:g} s; send it faster"
    )


def _too_finely_cut() -> Problem:
    return Problem.of(
        "malformed-request", "Bad Request", 400, "the body comes in very small chunks; send chunks of 1 kB or more"
    )


def _too_many(most: int) -> Problem:
    return Problem.of(
        "too-many-connections", "Service Unavailable", 503, f"{most} connections are open, the most there may be here"
    )
