"""What an operator does with keys: make, list, rotate, revoke."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self

from pydantic import ValidationError

from smoothgen.access.allowance import Allowance, read_duration_s
from smoothgen.access.records import KeyRecord
from smoothgen.access.scopes import SCOPES, Scope
from smoothgen.access.secrets import digest_of, key_text, new_key_id, new_secret
from smoothgen.access.store import KeyStore
from smoothgen.errors import Conflict, InvalidInput, UnknownName


@dataclass(frozen=True)
class Wanted:
    """A key that is to be made."""

    name: str
    tenant: str
    scopes: tuple[Scope, ...]
    expires_in_s: int | None = None
    rate: Allowance | None = None
    quota: Allowance | None = None

    @classmethod
    def read(
        cls, name: str, tenant: str, scopes: list[str], expires: str | None, rate: str | None, quota: str | None
    ) -> Self:
        """Returns the key that options ask for. Raises InvalidInput for one that cannot be read."""
        for scope in scopes:
            if scope not in SCOPES:
                raise UnknownName("scope", scope, SCOPES)
        expires_in_s = None if expires is None else read_duration_s(expires, "--expires")
        if expires_in_s == 0:
            raise InvalidInput(f"--expires must be longer than no time, got {expires!r}")
        return cls(
            name,
            tenant,
            tuple(scope for scope in SCOPES if scope in scopes),
            expires_in_s,
            None if rate is None else Allowance.read(rate, "--rate"),
            None if quota is None else Allowance.read(quota, "--quota"),
        )


class ManagedKeys:
    """The keys in one Redis, as JSON data. Every method raises QueueUnavailable when Redis cannot be reached."""

    def __init__(self, store: KeyStore) -> None:
        self._store = store

    async def create(self, wanted: Wanted) -> dict[str, Any]:
        """Makes a key. Returns it with its text under `key`, which nobody is told again. Raises InvalidInput for a name
        that is none."""
        now, secret = await self._store.now(), new_secret()
        try:
            record = KeyRecord(
                id=new_key_id(),
                name=wanted.name,
                tenant=wanted.tenant,
                scopes=list(wanted.scopes),
                digest=digest_of(secret),
                created_at=now,
                expires_at=None if wanted.expires_in_s is None else now + timedelta(seconds=wanted.expires_in_s),
                rate=wanted.rate,
                quota=wanted.quota,
            )
        except (ValidationError, OverflowError) as error:
            raise InvalidInput(_told(error, wanted)) from error
        await self._store.add(record)
        return record.shown(now) | {"key": key_text(record.id, secret)}

    async def all(self) -> list[dict[str, Any]]:
        """Returns every key that was ever made, the oldest first."""
        now = await self._store.now()
        return [record.shown(now) for record in await self._store.all()]

    async def rotate(self, key_id: str, overlap_s: int) -> dict[str, Any]:
        """Gives a key another secret, and returns it with its text. Raises NotFound, and Conflict for a key that is no
        longer accepted."""
        now, secret = await self._store.now(), new_secret()

        def rotated(record: KeyRecord) -> KeyRecord:
            if (status := record.status(now)) != "active":
                raise Conflict(f"key {key_id} is {status}; make a new one")
            return record.rotated(digest_of(secret), now, overlap_s)

        record = await self._store.change(key_id, rotated)
        return record.shown(now) | {"key": key_text(record.id, secret)}

    async def revoke(self, key_id: str) -> dict[str, Any]:
        """Ends a key for good, and returns it. Raises NotFound."""
        now = await self._store.now()
        return (await self._store.change(key_id, lambda record: record.revoked(now))).shown(now)


def _told(error: ValidationError | OverflowError, wanted: Wanted) -> str:
    if isinstance(error, OverflowError):
        return f"--expires is {wanted.expires_in_s} s, later than any date there is; ask for less"
    first = error.errors()[0]
    return f"{first['loc'][0]}: {first['msg'].removeprefix('Value error, ')}, got {first['input']!r:.80}"
