"""A TCP forwarder that stands between clients and a Redis: told of every piece of traffic, and pointed elsewhere."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Self


class Forwarder:
    """Passes connections to `target` on. `before` is called before anything a client said is passed on."""

    def __init__(self, target: int, before: Callable[[bytes], None] | None = None) -> None:
        self.target, self._before = target, before
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def point_at(self, target: int) -> None:
        """Send new connections to another port. Those that are open stay where they are."""
        self.target = target

    def cut(self) -> None:
        """Break the connections that are open."""
        with self._lock:
            for end in self._open:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:  # closed
                return
            try:
                server = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                client.close()
                continue
            with self._lock:
                self._open |= {client, server}
            threading.Thread(target=self._pass_on, args=(client, server, self._before), daemon=True).start()
            threading.Thread(target=self._pass_on, args=(server, client, None), daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket, before: Callable[[bytes], None] | None) -> None:
        try:
            while said := source.recv(65536):
                if before is not None:
                    before(said)
                sink.sendall(said)
        except OSError:
            pass
        finally:
            for end in (source, sink):
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        with self._lock:
            for end in self._open:
                end.close()
