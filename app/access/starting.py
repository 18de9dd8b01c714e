"""Whether a gateway may start: one that other machines can reach has a key to ask for."""

from __future__ import annotations

from typing import Final

import structlog

from app.settings import Settings
from smoothgen.access.store import KeyStore
from smoothgen.errors import InvalidInput, QueueUnavailable
from smoothgen.queue import connect

_log: Final = structlog.get_logger(__name__)


async def require_key(settings: Settings) -> None:
    """Raises InvalidInput for a gateway that other machines can reach and for which there was never any key.

    Where Redis is away, nobody can say. The gateway may start then: it asks for keys, and knows none yet.
    """
    if settings.on_loopback or settings.api_keys:
        return
    redis = connect(settings.redis_url)
    try:
        empty = await KeyStore(redis).is_empty()
    except QueueUnavailable as error:
        _log.warning("keys_unread", detail=f"{error}; until Redis is there, requests are answered 503")
        return
    finally:
        await redis.aclose()
    if empty:
        raise InvalidInput(
            f"other machines can reach SMOOTHGEN_HOST={settings.host!r}, and there is no API key yet; make one by "
            "`smoothgen keys create NAME --tenant TENANT`, or set SMOOTHGEN_API_KEYS, or listen on 127.0.0.1"
        )
