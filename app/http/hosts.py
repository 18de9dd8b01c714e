"""The names that a gateway is asked by."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from app.settings import Settings
from smoothgen.contracts import Problem

_LONGEST_SHOWN: Final = 100


def known_hosts(settings: Settings) -> frozenset[str] | None:
    """Returns the names in `Host` that are answered; None: any.

    A gateway on loopback is reached by every page in the machine's browsers, and a page whose name its owner points at
    127.0.0.1 may even read the answers; but the browser still sends that page's name.
    """
    if not settings.allowed_hosts and not settings.on_loopback:
        return None
    bound = settings.host.strip("[]").lower()
    return frozenset(
        {bound, "localhost", "127.0.0.1", "::1", *(name.strip("[]").lower() for name in settings.allowed_hosts)}
    )


def wrong_host(headers: Sequence[bytes], known: Collection[str] | None) -> Problem | None:
    """Returns the problem of Host headers that are several, or name none of the known hosts; None for one that does.

    known: None for any. Of two, a proxy in front and this gateway could each go by another (RFC 9112, section 3.2).
    """
    if len(headers) > 1:
        return Problem.of("malformed-request", "Bad Request", 400, "the request names two hosts; send one Host header")
    if known is None:
        return None
    header = headers[0] if headers else b""
    if not header:
        return Problem.of("malformed-request", "Bad Request", 400, "the request names no host; send a Host header")
    text = header.decode("latin-1").strip().lower()
    name = text[1:].partition("]")[0] if text.startswith("[") else text.partition(":")[0]
    if name in known:
        return None
    return Problem.of(
        "misdirected-request",
        "Misdirected Request",
        421,
        f"this gateway is not asked by the host name {name[:_LONGEST_SHOWN]!r}; use 127.0.0.1, or add the name to "
        "SMOOTHGEN_ALLOWED_HOSTS",
    )
