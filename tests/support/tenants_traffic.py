"""Requests of two tenants that make every figure of the dashboards move: jobs that are proven, that are not, that fail,
that are refused."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import cycle
from typing import Any, Self

import httpx2

from smoothgen.process.tenant_labels import UNNAMED as UNNAMED_LABELS

BROKEN = "closed-form-broken"
TANH, SLOW, STEP = "closed-form-tanh", "closed-form-slow", "closed-form-step"
MODELS = [TANH, SLOW, STEP, BROKEN]
KEYS = {"alice": "alices-key", "bob": "bobs-key"}
NAMELESS = "a-key-without-a-name"
GATEWAY = {"api_keys": [*(f"{name}:{key}" for name, key in KEYS.items()), NAMELESS], "max_queued_samples_per_key": 3000}
UNNAMED = UNNAMED_LABELS[0]
_PAUSE_S = 0.3
_FIRST_DIGIT = {"name": "label", "extract": {"kind": "regex", "pattern": "[01]"}}


def _body(model: str = TANH, prompt: str = "0.3", **robustness: Any) -> dict[str, Any]:
    return {
        "model": model,
        "prompt": prompt,
        "robustness": {"sigma": 0.5, "tolerance": 0.3, "samples": 100, **robustness},
    }


def _of_alice() -> Iterator[dict[str, Any]]:
    """Certificates, most of whose claims hold."""
    yield _body()
    yield _body(tolerance=0.2, epsilon=0.05)
    yield _body(STEP, metric=_FIRST_DIGIT)
    yield _body(tier="fleet")
    yield _body(claims=[{"score": {"name": "length", "cap": 40}, "at_most": 39}])


def _of_bob() -> Iterator[dict[str, Any]]:
    """Claims beyond what can be proven, failures, and more than the key may have waiting."""
    yield _body(epsilon=3.0, tolerance=0.01)
    yield _body(STEP, "2.4", metric=_FIRST_DIGIT)
    yield _body(BROKEN)
    yield _body(SLOW, samples=2000)
    yield _body(tolerance=0.001)


class Traffic:
    """Sends requests to gateways in turn for as long as the block runs, and waits for those that fail."""

    def __init__(self, urls: Sequence[str]) -> None:
        self._urls, self._stop, self._long = urls, threading.Event(), 0
        self.sent: Counter[tuple[str, int]] = Counter()
        """Requests by tenant and status of the answer."""
        senders = [
            ("alice", KEYS["alice"], list(_of_alice())),
            ("bob", KEYS["bob"], list(_of_bob())),
            (UNNAMED, NAMELESS, [_body()]),
        ]
        self._threads = [threading.Thread(target=self._send, args=each) for each in senders]

    def _send(self, tenant: str, key: str, bodies: Sequence[dict[str, Any]]) -> None:
        with httpx2.Client(timeout=60, headers={"authorization": f"Bearer {key}"}) as http:
            for url, body in zip(cycle(self._urls), cycle(bodies), strict=False):
                prefer = "wait=30" if body["model"] == BROKEN else "respond-async"
                answer = http.post(f"{url}/generate", json=body, headers={"prefer": prefer})
                self.sent[tenant, answer.status_code] += 1
                if answer.status_code == 202 and body["model"] == SLOW and self._cancels():
                    cancelled = http.delete(f"{url}/jobs/{answer.json()['id']}")
                    self.sent[tenant, cancelled.status_code] += 1
                if self._stop.wait(_PAUSE_S):
                    return

    def _cancels(self) -> bool:
        """Whether the next long job is cancelled: every second one."""
        self._long += 1
        return self._long % 2 == 0

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Ends the sending; what was accepted goes on."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
