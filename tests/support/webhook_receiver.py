"""A receiver of webhooks: a real HTTP server that keeps what it is sent, and answers as it is told."""

from __future__ import annotations

import json
import ssl
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from standardwebhooks import Webhook, WebhookVerificationError

from tests.support.processes import eventually

HANGS, BREAKS, ENDLESS = "hangs", "breaks", "endless"
"""In place of a status: answers nothing until it is closed; closes the connection; answers 200 and never stops."""
Answer = int | str


@dataclass(frozen=True)
class Received:
    """A message as it came."""

    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def said(self) -> dict[str, Any]:
        return dict(json.loads(self.body))

    def is_signed_with(self, secret: str) -> bool:
        try:
            Webhook(secret).verify(self.body, self.headers)
        except WebhookVerificationError:
            return False
        return True


class Receiver:
    """Answers each message with the next of `answers`, and the last of them from then on."""

    def __init__(
        self,
        *answers: Answer,
        host: str = "127.0.0.1",
        port: int = 0,
        location: str = "",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.received: list[Received] = []
        self._answers, self._location = list(answers) or [204], location
        self._closing = threading.Event()
        self._server = ThreadingHTTPServer((host, port), self._handler())
        self._server.daemon_threads = True
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port = int(self._server.server_address[1])
        self.url = f"http://{host}:{self.port}/hook"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def answer(self, *answers: Answer) -> None:
        """From now on."""
        self._answers = list(answers)

    def until(self, count: int, timeout_s: float = 60) -> list[Received]:
        """So many messages or more, when they have come."""
        return eventually(lambda: self.received if len(self.received) >= count else [], timeout_s)

    def types(self) -> list[str]:
        return sorted(each.said["type"] for each in self.received)

    def _next(self) -> Answer:
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if len(body) < int(self.headers["content-length"]):  # the sender was killed: no message came
                    return
                answer = receiver._next()
                receiver.received.append(Received({k.lower(): v for k, v in self.headers.items()}, body))
                if answer == HANGS:
                    receiver._closing.wait(60)
                elif answer == ENDLESS:
                    self._endless()
                elif isinstance(answer, int):
                    self.send_response(answer)
                    if receiver._location:
                        self.send_header("Location", receiver._location)
                    self.send_header("Content-Length", "0")
                    self.end_headers()

            def _endless(self) -> None:
                self.send_response(200)
                self.end_headers()
                try:
                    while not receiver._closing.is_set():
                        self.wfile.write(b"x" * 65536)
                except OSError:  # who sent the message has heard enough
                    pass

            def log_message(self, format: str, *args: Any) -> None:
                pass

        return Handler

    def close(self) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
