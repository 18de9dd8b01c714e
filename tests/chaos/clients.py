"""Clients of a chaos run, which do not give up."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx2

from tests.chaos.stack import Stack

_PATIENCE_S = 300.0


class Clients:
    """Clients that do not give up: another gateway, another try, the same idempotency key."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self.misanswered: Counter[str] = Counter()
        """Answers that were neither what was asked for nor 503, by status and kind of problem."""

    def outcome(self, number: int, body: dict[str, Any]) -> tuple[str, dict[str, Any] | None]:
        """The job's id and its view when it has ended; None where it is gone or never ends."""
        deadline = time.monotonic() + _PATIENCE_S
        headers = {**self._stack.headers, "prefer": "respond-async", "idempotency-key": f"job-{number}"}
        accepted = self._until(
            deadline, number, lambda http: http.post("/generate", json=body, headers=headers), (200, 202)
        )
        job = str(accepted["id"])
        view = accepted
        while view["status"] in ("queued", "running"):
            if time.monotonic() > deadline:
                return job, None
            view = self._until(
                deadline,
                number,
                lambda http: http.get(f"/jobs/{job}", headers={**self._stack.headers, "prefer": "wait=5"}),
                (200, 404),
            )
            if "status" not in view or view["status"] == 404:
                return job, None
        return job, view

    def _until(
        self,
        deadline: float,
        number: int,
        call: Callable[[httpx2.Client], httpx2.Response],
        accepted: tuple[int, ...],
    ) -> dict[str, Any]:
        reason: object = None
        for attempt in range(10**6):
            if time.monotonic() > deadline:
                break
            gateway = self._stack.gateways[(number + attempt) % len(self._stack.gateways)]
            try:
                with httpx2.Client(base_url=gateway.url, timeout=10) as http:
                    response = call(http)
                if response.status_code in accepted:
                    return dict(response.json())
                reason = response.text
                if response.status_code != 503:
                    self.misanswered[f"{response.status_code} {reason}"] += 1
            except httpx2.TransportError as error:
                reason = error
            time.sleep(0.05)
        raise AssertionError(f"job {number}: no gateway answered for {_PATIENCE_S} s; the last said {reason}")
