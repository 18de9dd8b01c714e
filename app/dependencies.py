"""What routes are given: the running gateway's parts, a parsed Prefer header, a checked API key."""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header, HTTPException, Request

from app.metrics import Metrics
from app.settings import Settings
from app.waiting import Waiting
from smoothgen.queue import JobStore


@dataclass(frozen=True)
class Gateway:
    """The parts of a running gateway."""

    settings: Settings
    store: JobStore
    waiting: Waiting
    metrics: Metrics


def _gateway(request: Request) -> Gateway:
    gateway: Gateway = request.app.state.gateway
    return gateway


GatewayDep = Annotated[Gateway, Depends(_gateway)]


def wait_seconds(prefer: str, default_s: float, max_s: float) -> float:
    """Seconds to wait under a Prefer header (RFC 7240): respond-async is 0, wait=N is N up to the server's limit."""
    if re.search(r"(?:^|[,;\s])respond-async(?:$|[,;\s])", prefer):
        return 0.0
    wait = re.search(r"(?:^|[,;\s])wait=(\d{1,9})(?:$|[,;\s])", prefer)
    return min(float(wait.group(1)), max_s) if wait else min(default_s, max_s)


PreferHeader = Annotated[
    str, Header(description="`wait=N`: wait up to N seconds for the result; `respond-async`: answer at once.")
]


def require_api_key(gateway: GatewayDep, authorization: Annotated[str | None, Header()] = None) -> None:
    """Refuse requests without one of the configured keys; with none configured, let everyone in."""
    keys = gateway.settings.api_keys
    given = (authorization or "").removeprefix("Bearer ").strip()
    # Compare with every key, in constant time each: the time must not tell how close a guess was.
    known = [hmac.compare_digest(given.encode(), key.encode()) for key in keys]
    if keys and not any(known):
        raise HTTPException(
            401, "send a known API key as 'Authorization: Bearer <key>'", headers={"WWW-Authenticate": "Bearer"}
        )
