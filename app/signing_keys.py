"""The keys a gateway signs with and lists: those of its folder, and those that other gateways vouch for."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any, Final

import structlog
from redis.exceptions import RedisError

from smoothgen.errors import InvalidKeys, QueueUnavailable
from smoothgen.queue import JobStore
from smoothgen.queue.keys import CERTIFICATE_TTL_S
from smoothgen.signing import KeyFolder, SigningKey, StoredKey, VouchedKey, key_set

_REFRESH_S: Final = 20.0
_LISTED_S: Final = CERTIFICATE_TTL_S + 24 * 3600
"""Seconds for which a key is listed after it made its last signature: until no certificate it signed is kept, and a day
more for clocks and caches."""


class SigningKeys:
    """Keys of this gateway and of its peers. Another key that stands in Redis is not listed: more than gateways write
    there."""

    def __init__(self, store: JobStore, folder: Path, secret: str | None) -> None:
        """Reads the folder, and makes a key where it has none. secret: what gateways vouch for their keys by; None:
        only the folder's keys are listed. Raises InvalidKeys, OSError."""
        self._store, self._folder, self._secret = store, KeyFolder(folder), secret
        self._peers: dict[str, VouchedKey] = {}
        self._seen = 0
        self._task: asyncio.Task[None] | None = None
        self._read()

    def start(self) -> None:
        """Begins to exchange keys with other gateways, where a secret is shared."""
        if self._secret is not None:
            self._task = asyncio.create_task(self._exchange_forever(self._secret), name="signing keys")

    async def stop(self) -> None:
        """Stops to exchange keys."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    @property
    def current(self) -> SigningKey:
        """Returns the key that signs now."""
        self._refresh()
        return self._current

    def listed(self) -> dict[str, Any]:
        """Returns the public keys as a JWK Set, own keys first."""
        self._refresh()
        now = int(time.time())
        own = {key.kid: key.public for key in self._own if _listed_until(key, now) > now}
        withdrawn = {key.kid for key in self._own if key.withdrawn}
        peers = {kid: key.public for kid, key in self._peers.items() if key.until > now and kid not in withdrawn}
        return key_set((peers | own).values())

    def _read(self) -> None:
        self._current = self._folder.signing_key(int(time.time()))
        self._seen = self._folder.changed_ns()
        self._own = self._folder.stored()

    def _refresh(self) -> None:
        """Reads the folder again where it has changed, so that a rotation holds at once. What cannot be read changes
        nothing, and is logged."""
        try:
            if self._folder.changed_ns() != self._seen:
                self._read()
        except (InvalidKeys, OSError) as error:
            structlog.get_logger().error("signing_keys_unreadable", detail=str(error))

    async def _exchange_forever(self, secret: str) -> None:
        said = ""
        while True:
            try:
                await self._exchange(secret)
                said = ""
            except (QueueUnavailable, RedisError) as error:  # peers' keys are listed as they were
                if str(error) != said:
                    said = str(error)
                    structlog.get_logger().warning("signing_keys_not_exchanged", detail=said)
            await asyncio.sleep(_REFRESH_S)

    async def _exchange(self, secret: str) -> None:
        """Tells the other gateways of this one's keys, and takes over theirs."""
        self._refresh()
        records, now = self._store.signing_keys, int(await self._store.clock.now())
        own = [VouchedKey(key.public, _listed_until(key, now)) for key in self._own]
        await records.publish({str(each.public["kid"]): each.vouch(secret) for each in own if each.until > now})
        found = {kid: VouchedKey.read(text, secret) for kid, text in (await records.all()).items()}
        unknown = sorted(kid for kid, key in found.items() if key is None or key.public["kid"] != kid)
        if unknown:
            structlog.get_logger().warning(
                "signing_keys_not_vouched_for", detail="in Redis, and not by SMOOTHGEN_SIGNING_SECRET", keys=unknown[:5]
            )
        self._peers = {kid: key for kid, key in found.items() if key is not None and kid not in unknown}
        await records.forget(kid for kid, key in self._peers.items() if key.until <= now)
        await records.forget(key.kid for key in self._own if key.withdrawn)


def _listed_until(key: StoredKey, now: int) -> int:
    """Returns until when a key of the folder is listed, in Unix seconds; 0 for one that is not."""
    if key.withdrawn:
        return 0
    return (now if key.retired is None else key.retired) + _LISTED_S
