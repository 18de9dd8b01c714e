"""What routes are given: the running gateway's parts, a parsed Prefer header, a checked API key."""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header, HTTPException, Request

from app.cards import Cards
from app.metrics import Metrics
from app.settings import Settings
from app.waiting import Waiting
from smoothgen.queue import JobStore


@dataclass(frozen=True)
class Gateway:
    """The parts of a running gateway."""

    settings: Settings
    store: JobStore
    cards: Cards
    waiting: Waiting
    metrics: Metrics


# Dependencies are coroutines though they await nothing: FastAPI runs plain functions in threads, 0.1 ms each.


async def _gateway(request: Request) -> Gateway:
    gateway: Gateway = request.app.state.gateway
    return gateway


GatewayDep = Annotated[Gateway, Depends(_gateway)]


def wait_seconds(prefer: str, default_s: float, max_s: float) -> float:
    """Seconds to wait under a Prefer header (RFC 7240): wait=N is N up to the server's limit, respond-async alone is 0.

    With both, wait=N: RFC 7240 reads them as "asynchronously if it takes longer". What cannot be read is passed over.
    """
    asked: dict[str, str] = {}
    for preference in prefer.split(","):
        name, _, value = preference.partition(";")[0].partition("=")
        asked.setdefault(name.strip().lower(), value.strip().strip('"'))
    if re.fullmatch("[0-9]+", asked.get("wait", "")):
        return min(float(asked["wait"]), max_s)
    return 0.0 if "respond-async" in asked else min(default_s, max_s)


async def _prefer(
    prefer: Annotated[
        list[str] | None,
        Header(description="`wait=N`: wait up to N seconds for the result; `respond-async`: answer at once."),
    ] = None,
) -> str:
    return ",".join(prefer or [])


PreferHeader = Annotated[str, Depends(_prefer)]


async def require_api_key(gateway: GatewayDep, authorization: Annotated[str | None, Header()] = None) -> None:
    """Refuse requests without one of the configured keys; with none configured, let everyone in."""
    check_api_key(gateway, authorization)


def check_api_key(gateway: Gateway, authorization: str | None) -> None:
    """The same, for a route that reads its headers itself. Raises HTTPException 401."""
    keys = gateway.settings.api_keys
    if not keys:
        return
    scheme, _, given = (authorization or "").partition(" ")
    given = given.strip() if scheme.lower() == "bearer" else ""
    # Compare with every key, in constant time each: the time must not tell how close a guess was.
    known = [hmac.compare_digest(given.encode(), key.encode()) for key in keys]
    if not any(known):
        raise HTTPException(
            401, "send a known API key as 'Authorization: Bearer <key>'", headers={"WWW-Authenticate": "Bearer"}
        )
