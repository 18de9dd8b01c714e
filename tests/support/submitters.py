"""Clients that submit jobs without end, each under a key of its own and again until it is accepted."""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Self

import httpx2

_AGAIN_S = 0.1
_PATIENCE_S = 120.0


class Submitters:
    """Threads that submit while the block runs. `accepted` maps their keys to the jobs' ids."""

    def __init__(self, urls: Sequence[str], bodies: Sequence[dict[str, Any]], clients: int = 4) -> None:
        """urls: gateways, bodies: requests; both are taken in turns."""
        self.accepted: dict[str, str] = {}
        self.statuses: Counter[int] = Counter()
        self._urls, self._bodies = urls, bodies
        self._over, self._pool = threading.Event(), ThreadPoolExecutor(clients)
        self._clients: list[Future[None]] = []
        self._count = clients

    def __enter__(self) -> Self:
        self._clients = [self._pool.submit(self._submit_on, client) for client in range(self._count)]
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        with self._pool:
            for client in self._clients:
                client.result()

    def until_more(self, count: int) -> None:
        """Wait until so many jobs more are accepted."""
        goal, deadline = len(self.accepted) + count, time.monotonic() + _PATIENCE_S
        while len(self.accepted) < goal:
            assert time.monotonic() < deadline, self.statuses
            for client in self._clients:
                if client.done():
                    client.result()
            time.sleep(0.01)

    def _submit_on(self, client: int) -> None:
        with httpx2.Client(timeout=60) as http:
            for number in itertools.count(client):
                if self._over.is_set():
                    return
                self._submit(http, number, f"{client}-{number}")

    def _submit(self, http: httpx2.Client, number: int, key: str) -> None:
        url, body = self._urls[number % len(self._urls)], self._bodies[number % len(self._bodies)]
        headers = {"prefer": "respond-async", "idempotency-key": key}
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            response = http.post(f"{url}/generate", json=body, headers=headers)
            self.statuses[response.status_code] += 1
            if response.status_code in (200, 202):
                self.accepted[key] = response.json()["id"]
                return
            assert response.status_code == 503, response.text
            assert time.monotonic() < deadline, response.text
            time.sleep(_AGAIN_S)
