"""A process that takes whatever is posted to it: spans of a collector's, messages of a receiver's."""

from __future__ import annotations

import multiprocessing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from typing import Self


class Sink:
    """Answers every POST with an empty 200, in a process of its own, so that the client measured has its own core
    time."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        told, tells = context.Pipe(duplex=False)
        self._process = context.Process(target=_serve, args=(tells,), daemon=True)
        self._process.start()
        self.url = f"http://127.0.0.1:{told.recv()}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.join()


def _serve(tells: Connection) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    tells.send(server.server_port)
    server.serve_forever()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None: ...
