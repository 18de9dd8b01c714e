"""API keys in the Redis of a test, made as `smoothgen keys` makes them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from smoothgen.access.managing import ManagedKeys, Wanted
from smoothgen.access.store import KeyStore
from smoothgen.queue import connect

Answer = TypeVar("Answer")


class ApiKeys:
    """Makes, rotates and revokes keys in one Redis."""

    def __init__(self, redis_url: str) -> None:
        self._url = redis_url

    def create(
        self,
        tenant: str,
        *scopes: str,
        expires: str | None = None,
        rate: str | None = None,
        quota: str | None = None,
    ) -> tuple[str, dict[str, str]]:
        """The id of a new key, and the headers of a request with it. Scopes: all, where none is named."""
        chosen = list(scopes) or ["generate", "read", "operate"]
        made = self._ask(lambda keys: keys.create(Wanted.read(tenant, tenant, chosen, expires, rate, quota)))
        return str(made["id"]), bearer(made["key"])

    def rotate(self, key_id: str, overlap_s: int) -> dict[str, str]:
        return bearer(self._ask(lambda keys: keys.rotate(key_id, overlap_s))["key"])

    def revoke(self, key_id: str) -> None:
        self._ask(lambda keys: keys.revoke(key_id))

    def all(self) -> list[dict[str, Any]]:
        return self._ask(lambda keys: keys.all())

    def _ask(self, ask: Callable[[ManagedKeys], Awaitable[Answer]]) -> Answer:
        async def asked() -> Answer:
            redis = connect(self._url)
            try:
                return await ask(ManagedKeys(KeyStore(redis)))
            finally:
                await redis.aclose()

        return asyncio.run(asked())


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}
