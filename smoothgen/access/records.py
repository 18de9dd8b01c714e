"""What is kept of an API key. The key itself is not."""

from __future__ import annotations

import hmac
import re
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from smoothgen.access.allowance import Allowance
from smoothgen.access.scopes import Scope
from smoothgen.access.secrets import digest_of

Status = Literal["active", "expired", "revoked"]
NAME: Final = re.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""How tenants and keys are named."""


def _named(text: str) -> str:
    if not NAME.fullmatch(text):
        raise ValueError(
            "a name has 1 to 64 letters, digits, dots, dashes and underscores and begins with a letter or digit"
        )
    return text


Name = Annotated[str, AfterValidator(_named)]


class Replaced(BaseModel):
    """The secret that a rotation replaced. It is accepted until `until`."""

    model_config = ConfigDict(frozen=True)

    digest: str
    until: datetime


class KeyRecord(BaseModel):
    """An API key as Redis keeps it.

    digest: SHA-256 of the secret. replaced: the secret before it. rate: of requests. quota: of samples promised to
    jobs. Times are of Redis's clock, in UTC. A revoked key is kept, so that a gateway on loopback does not become open
    with the revocation of its last key.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    name: Name
    tenant: Name
    scopes: list[Scope] = Field(min_length=1)
    digest: str
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    replaced: Replaced | None = None
    rate: Allowance | None = None
    quota: Allowance | None = None

    def has(self, secret: str, now: datetime) -> bool:
        """Returns whether this is the key's secret, or the one before it while that is accepted. Takes the same time
        however much of a wrong secret is right."""
        given = digest_of(secret)
        current = hmac.compare_digest(given, self.digest)
        before = self.replaced is not None and hmac.compare_digest(given, self.replaced.digest)
        return current or (before and self.replaced is not None and now < self.replaced.until)

    def status(self, now: datetime) -> Status:
        """Returns what has become of the key by now."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and now >= self.expires_at else "active"

    def rotated(self, digest: str, now: datetime, overlap_s: int) -> KeyRecord:
        """Returns the key with another secret. The one before is accepted for overlap_s seconds more, any older one no
        longer."""
        replaced = Replaced(digest=self.digest, until=now + timedelta(seconds=overlap_s)) if overlap_s else None
        return self.model_copy(update={"digest": digest, "replaced": replaced})

    def revoked(self, now: datetime) -> KeyRecord:
        """Returns the key as one that is no longer accepted."""
        return self if self.revoked_at is not None else self.model_copy(update={"revoked_at": now})

    def shown(self, now: datetime) -> dict[str, Any]:
        """Returns the key as JSON data, without its digests."""
        fields = self.model_dump(mode="json", exclude={"digest", "replaced", "rate", "quota"}, exclude_none=True)
        limits = {name: str(each) for name in ("rate", "quota") if (each := getattr(self, name)) is not None}
        overlap = self.replaced is not None and now < self.replaced.until
        until = {"replaced_until": self.replaced.until.isoformat()} if self.replaced is not None and overlap else {}
        return fields | limits | until | {"status": self.status(now)}
