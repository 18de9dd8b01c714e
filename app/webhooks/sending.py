"""Sends one message to a receiver, once."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import httpcore2

from app.webhooks.addresses import AddressRefused, Allowed, CheckedBackend
from app.webhooks.signing import signed_headers
from smoothgen import __version__

_READ_BYTES: Final = 64 * 1024
"""Of an answer's body at most; the connection is closed when there is more."""
_MOST_CONNECTIONS: Final = 64
_GONE: Final = 410


@dataclass(frozen=True)
class Sent:
    """What became of a message. detail: the answer's status, or why there was none. gone: whether the receiver wants no
    more messages."""

    delivered: bool
    detail: str
    gone: bool = False


class Sender:
    """Sends signed messages. Redirects are not followed, and no proxy of the environment is used: the connection would
    lead elsewhere than to the address that was checked."""

    def __init__(self, allowed: Allowed, timeout_s: float) -> None:
        """timeout_s: for one message, from the resolution of the name to the end of the answer."""
        self._timeout_s = timeout_s
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=ssl.create_default_context(),
            network_backend=CheckedBackend(allowed),
            max_connections=_MOST_CONNECTIONS,
            max_keepalive_connections=0,  # the address is checked for every message
        )

    async def send(self, url: str, secrets: Sequence[str], message_id: str, body: bytes) -> Sent:
        """Returns what became of the message. Raises nothing of the network's."""
        headers = {
            "content-type": "application/json",
            "user-agent": f"smoothgen/{__version__}",
            **signed_headers(secrets, message_id, int(time.time()), body),
        }
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._answered(url, headers, body)
        except TimeoutError:
            return Sent(False, f"no whole answer within {self._timeout_s:g} s")
        except AddressRefused as error:
            return Sent(False, str(error))
        except (*_FAILURES, OSError) as error:
            return Sent(False, f"{type(error).__name__}: {error}"[:300])

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._pool.aclose()

    async def _answered(self, url: str, headers: dict[str, str], body: bytes) -> Sent:
        async with self._pool.stream("POST", url, headers=list(headers.items()), content=body) as answer:
            status, read = answer.status, 0
            async for part in answer.aiter_stream():
                read += len(part)
                if read > _READ_BYTES:
                    break
        detail = f"answered {status}"
        if 300 <= status < 400:
            detail += ", and redirects are not followed"
        return Sent(200 <= status < 300, detail, gone=status == _GONE)


_FAILURES: Final = (
    httpcore2.NetworkError,
    httpcore2.ProtocolError,
    httpcore2.TimeoutException,
    httpcore2.UnsupportedProtocol,
)
