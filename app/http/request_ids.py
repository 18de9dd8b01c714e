"""One id for a request, from its client to the lines a worker logs about its job."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from typing import Any, Final

from starlette.types import Scope

HEADER: Final = b"x-request-id"
_WELL_FORMED: Final = re.compile(rb"[A-Za-z0-9._:-]{1,128}")


def new_request_id() -> str:
    """Returns an id that no request had before."""
    return secrets.token_hex(16)


def take_request_id(scope: Scope) -> str:
    """Returns the client's X-Request-ID, or a new id where it sent none, several, or one that is not well formed (1 to
    128 characters of A-Z, a-z, 0-9 and "._:-"). Keeps it in the scope's state, where `request_id_of` finds it."""
    sent = [value for name, value in scope.get("headers", ()) if name == HEADER]
    taken = sent[0].decode("ascii") if len(sent) == 1 and _WELL_FORMED.fullmatch(sent[0]) else new_request_id()
    scope.setdefault("state", {})["request_id"] = taken
    return taken


def request_id_of(scope: Mapping[str, Any]) -> str | None:
    """Returns the request's id, None before it has one."""
    found: str | None = scope.get("state", {}).get("request_id")
    return found
