"""One gateway under load, and the processor time of a request on it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.gateway_cost.parts import SPANS_WAIT_MS, Arm
from benchmarks.load.client import load, request_bytes
from benchmarks.stack import Stack
from smoothgen.queue import keys
from tests.support.api_keys import ApiKeys
from tests.support.processes import TANH, eventually

_NEVER_REACHED = {"rate": "1000000/min", "quota": "1000000000/day"}
_PATIENCE_S = 120.0
_LAST_SPANS_S = SPANS_WAIT_MS / 1000 + 0.3


@dataclass(frozen=True)
class Cost:
    """What a request took. Processor time, user and system, in µs; p50_ms: the median latency."""

    gateway_us: float
    redis_us: float
    p50_ms: float
    requests: int


class Measured:
    """A stack of its own, whose gateway is asked the same request again and again."""

    def __init__(self, stack: Stack, request: bytes, receivers: list[str]) -> None:
        self._stack, self._request, self._receivers = stack, request, receivers

    def window(self, seconds: float, connections: int) -> Cost:
        """Returns the cost of a request while so many were on their way at once for so long. What the gateway does
        after an answer (ledger, webhooks, spans) is waited for and counted."""
        before = self._stack.cpu().parts
        window = load(
            self._stack.gateway.port,
            self._request,
            connections=connections,
            seconds=seconds,
            ramp_s=0.0,
            server_cpu=lambda: 0.0,
        )
        eventually(self._is_quiet, _PATIENCE_S)
        time.sleep(_LAST_SPANS_S)
        after = self._stack.cpu().parts
        requests = len(window.latencies) + connections  # the last of each connection is answered after the window
        spent = {part: 1e6 * (after[part] - before[part]) / requests for part in ("gateway", "Redis")}
        return Cost(spent["gateway"], spent["Redis"], 1e3 * window.quantile(0.5), requests)

    def _is_quiet(self) -> bool:
        client = self._stack.redis.client
        waiting = sum(client.xlen(keys.outbox(TANH, reader)) for reader in keys.OUTBOX_READERS)
        return not waiting and not any(client.zcard(keys.webhook_messages(each)) for each in self._receivers)


@contextmanager
def measured(arm: Arm, folder: Path, sink_url: str, samples: int) -> Iterator[Measured]:
    """Yields a Redis, a worker and a gateway that is set as an arm says, warm.

    samples: of each request; 0: tier universal, which draws none.
    """
    folder.mkdir(parents=True)
    with Stack(folder, [TANH], gateway=arm.settings, worker={}) as stack:
        stack.grow(1)
        headers = _headers(arm, stack.redis.url)
        receivers = []
        if arm.webhook:
            answer = stack.gateway.http.post("/webhooks", json={"url": f"{sink_url}/hook"}, headers=headers)
            answer.raise_for_status()
            receivers.append(str(answer.json()["id"]))
        made = Measured(stack, request_bytes("/generate", json.dumps(_body(samples)).encode(), headers), receivers)
        eventually(
            lambda: stack.gateway.http.post("/generate", json=_body(samples), headers=headers).status_code == 200
        )
        made.window(1.0, 1)
        yield made


def _headers(arm: Arm, redis_url: str) -> dict[str, str]:
    if arm.key == "none":
        return {}
    _, headers = ApiKeys(redis_url).create("tenant", **(_NEVER_REACHED if arm.key == "limited" else {}))
    return headers


def _body(samples: int) -> dict[str, Any]:
    robustness: dict[str, Any] = {"sigma": 1.0, "tolerance": 0.3}
    robustness |= {"samples": samples} if samples else {"tier": "universal"}
    return {"model": TANH, "prompt": "0.0", "robustness": robustness}
