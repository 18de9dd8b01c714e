"""What both clients tell their HTTP library."""

from __future__ import annotations

from typing import Any, Final

import httpx2

from smoothgen.client.conversation import Call
from smoothgen.errors import ServerUnreachable

RETRY_PAUSES_S: Final = (0.2, 1.0)
"""Pauses before a lost call is repeated. Repeating is safe: see `Call`."""
_READ_TIMEOUT_S: Final = 60.0  # longer than any long poll


def options(base_url: str, api_key: str | None) -> dict[str, Any]:
    """Constructor arguments."""
    headers = {} if api_key is None else {"Authorization": f"Bearer {api_key}"}
    return {"base_url": base_url, "headers": headers, "timeout": httpx2.Timeout(_READ_TIMEOUT_S, connect=5.0)}


def arguments(call: Call) -> dict[str, Any]:
    """Request arguments."""
    return {"headers": dict(call.headers)} | ({} if call.body is None else {"json": call.body})


def unreachable(base_url: object, error: Exception) -> ServerUnreachable:
    """What to tell the caller when no try got through."""
    return ServerUnreachable(
        f"no answer from {base_url}: {error or type(error).__name__}; is `smoothgen serve` running?"
    )
