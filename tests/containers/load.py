"""Clients that post jobs while containers are replaced, and an account of what became of every accepted one."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event, Lock
from typing import Any

import httpx2

from smoothgen import verify

_PATIENCE_S = 300.0
_CLIENTS = 4


@dataclass
class Account:
    """accepted: jobs whose acceptance a client was told. ended: of these, those that succeeded. verified: of those,
    whose certificate `smoothgen verify` accepts. refused: answers 5xx and broken connections, after which the client
    asked again under the same idempotency key. wrong: what should not have happened, in words."""

    accepted: int = 0
    ended: int = 0
    verified: int = 0
    refused: int = 0
    wrong: list[str] = field(default_factory=list)

    @property
    def lost(self) -> int:
        """Returns how many accepted jobs did not end well."""
        return self.accepted - self.ended

    @property
    def sound(self) -> bool:
        """Whether every accepted job ended, and with a certificate that verifies."""
        return bool(self.accepted) and self.accepted == self.ended == self.verified and not self.wrong

    def __str__(self) -> str:
        told = f"{self.accepted} accepted, {self.lost} lost, {self.verified} certificates verified"
        return f"{told}, {self.refused} requests sent again" + "".join(f"; {reason}" for reason in self.wrong[:3])


class Load:
    """Posts jobs of a closed-form model from its start until the block ends, then waits for every accepted job."""

    def __init__(self, url: str, key: str) -> None:
        self._http = httpx2.Client(base_url=url, headers={"authorization": f"Bearer {key}"}, timeout=30)
        self._stop, self._lock = Event(), Lock()
        self._run = str(time.monotonic_ns())
        self.account = Account()

    def __enter__(self) -> Account:
        self._clients = ThreadPoolExecutor(_CLIENTS)
        self._going = [self._clients.submit(self._client, number) for number in range(_CLIENTS)]
        return self.account

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for client in self._going:
            client.result()
        self._clients.shutdown()
        self._http.close()

    def _client(self, number: int) -> None:
        count = 0
        while not self._stop.is_set():
            self._one(number * 1_000_000 + count)
            count += 1

    def _one(self, number: int) -> None:
        body = {
            "model": "closed-form-tanh",
            "prompt": str(number % 7 / 10),
            "seed": number,
            "robustness": {"sigma": 0.5, "samples": 400},
        }
        headers = {"idempotency-key": f"{self._run}-{number}", "prefer": "respond-async"}
        accepted = self._until_answered("POST", "/generate", (200, 202), json=body, headers=headers)
        if accepted is None:
            return
        with self._lock:
            self.account.accepted += 1
        job = accepted["id"]
        deadline = time.monotonic() + _PATIENCE_S
        while accepted is not None and accepted["status"] in ("queued", "running") and time.monotonic() < deadline:
            accepted = self._until_answered("GET", f"/jobs/{job}", (200,), headers={"prefer": "wait=5"})
        if accepted is None or accepted["status"] != "succeeded":
            self._wrong(f"job {job} is {accepted and accepted['status']}")
            return
        verdict = verify(accepted["certificate"])
        with self._lock:
            self.account.ended += 1
            self.account.verified += verdict.valid
        if not verdict.valid:
            self._wrong(f"the certificate of job {job} does not verify")

    def _until_answered(self, method: str, path: str, good: tuple[int, ...], **given: Any) -> dict[str, Any] | None:
        """Asks until a gateway answers as it should; None, and a line in the account, where none ever does."""
        deadline, reason = time.monotonic() + _PATIENCE_S, ""
        while time.monotonic() < deadline:
            try:
                response = self._http.request(method, path, **given)
                if response.status_code in good:
                    return dict(response.json())
                reason = f"{method} {path}: {response.status_code} {response.text[:200]}"
                if response.status_code not in (429, 502, 503, 504):
                    break
            except httpx2.TransportError as error:
                reason = f"{method} {path}: {error!r}"
            with self._lock:
                self.account.refused += 1
            time.sleep(0.2)
        self._wrong(reason)
        return None

    def _wrong(self, reason: str) -> None:
        with self._lock:
            self.account.wrong.append(reason)
