"""The keys that a gateway accepts: those of SMOOTHGEN_API_KEYS, and those in Redis."""

from __future__ import annotations

import hmac
from collections import OrderedDict
from dataclasses import dataclass
from functools import partial
from typing import Final

from app.access.caller import ANYONE_CALLS, Caller
from app.access.remembered import Remembered
from app.settings import Settings
from smoothgen.access.records import KeyRecord
from smoothgen.access.secrets import split_key
from smoothgen.access.store import KeyStore

_MOST_REMEMBERED: Final = 10_000
_ASK_FOR_KEY: Final = "send a known API key as 'Authorization: Bearer <key>'"


class KeyRefused(Exception):
    """No key, or one that is not accepted. The message is for the client. given: whether there was one."""

    def __init__(self, message: str, *, given: bool) -> None:
        super().__init__(message)
        self.given = given


@dataclass(frozen=True)
class Accepted:
    """Who a request is from. record: of the key, None for a key of SMOOTHGEN_API_KEYS and where none is asked for."""

    caller: Caller
    record: KeyRecord | None = None


class Keyring:
    """Finds the caller of a request.

    Keys in Redis are read when they are first used, and again when that was FRESH_S ago. While Redis is away a known
    key goes on for `key_grace_s` seconds. No key is asked for on loopback as long as there has never been any.
    """

    def __init__(self, settings: Settings, store: KeyStore) -> None:
        self._configured = [(key.encode(), Caller(tenant)) for key, tenant in settings.tenants]
        self._may_be_open = settings.on_loopback and not self._configured
        self._shown_tenants = settings.shown_tenants
        self._store, self._grace_s = store, settings.key_grace_s
        self._no_key_yet = Remembered(store.is_empty, self._grace_s)
        self._remembered: OrderedDict[str, Remembered[KeyRecord | None]] = OrderedDict()

    async def find(self, authorization: bytes) -> Accepted:
        """Returns who sends this Authorization header.

        Raises KeyRefused, and QueueUnavailable where Redis is away and the key is not known here.
        """
        if self._may_be_open and await self._no_key_yet.value():
            return Accepted(ANYONE_CALLS)
        scheme, _, given = authorization.partition(b" ")
        if scheme.lower() != b"bearer" or not (key := given.strip()):
            raise KeyRefused(_ASK_FOR_KEY, given=False)
        # Every key is compared, each in constant time, so that the time does not tell how close a guess was.
        configured = [caller for text, caller in self._configured if hmac.compare_digest(key, text)]
        return Accepted(configured[0]) if configured else await self._made(key)

    async def shown_tenants(self) -> list[str]:
        """Returns the names of tenants that metrics show, which need no key: no name that is a digest of a key. Raises
        QueueUnavailable."""
        return sorted({*self._shown_tenants, *(record.tenant for record in await self._store.all())})

    async def _made(self, key: bytes) -> Accepted:
        """Returns who sends a key that `smoothgen keys` may have made."""
        parts = split_key(key.decode("latin-1"))
        record = None if parts is None else await self._record(parts[0])
        now = self._store.last_known_time()
        if parts is None or record is None or not record.has(parts[1], now):
            raise KeyRefused(f"this API key is not known here; {_ASK_FOR_KEY}", given=True)
        if (status := record.status(now)) != "active":
            when = record.revoked_at if status == "revoked" else record.expires_at
            raise KeyRefused(f"this API key ({record.name!r}) is {status} since {when}; ask for another", given=True)
        return Accepted(Caller(record.tenant, record.id, record.name, frozenset(record.scopes)), record)

    async def _record(self, key_id: str) -> KeyRecord | None:
        """Returns a key's record, None where there is none. Only those there are, are remembered: strangers make up as
        many ids as they like."""
        remembered = self._remembered.get(key_id) or Remembered(partial(self._read, key_id), self._grace_s)
        record = await remembered.value()
        if record is None:
            self._remembered.pop(key_id, None)
            return None
        self._remembered[key_id] = remembered
        self._remembered.move_to_end(key_id)
        if len(self._remembered) > _MOST_REMEMBERED:
            self._remembered.popitem(last=False)
        return record

    async def _read(self, key_id: str) -> KeyRecord | None:
        await self._store.now()  # keys expire by Redis's clock
        return await self._store.read(key_id)
