"""Who sent a request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from smoothgen.access.scopes import ALL_SCOPES, Scope
from smoothgen.queue import ANYONE


@dataclass(frozen=True)
class Caller:
    """The sender of a request that was let in.

    tenant: whose jobs these are. key_id, key_name: of the API key, None for a key of SMOOTHGEN_API_KEYS and where no
    key is asked for. scopes: what the key may be used for.
    """

    tenant: str
    key_id: str | None = None
    key_name: str | None = None
    scopes: frozenset[Scope] = ALL_SCOPES


ANYONE_CALLS: Final = Caller(ANYONE)
"""The caller at a gateway that asks for no key."""
