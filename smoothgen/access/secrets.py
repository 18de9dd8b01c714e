"""The text of an API key: `sg_<id>_<secret>`.

The secret has 256 random bits, so its SHA-256 can be kept in its place: nobody tries 2²⁵⁶ secrets, and a slow hash,
which protects passwords that people choose, would only slow every request down.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from typing import Final

_KEY: Final = re.compile("sg_([0-9a-f]{16})_([0-9a-f]{64})")
_ID_BYTES: Final = 8
_SECRET_BYTES: Final = 32


def new_key_id() -> str:
    """Returns the id of a new key: 16 hexadecimal digits, no secret."""
    return secrets.token_hex(_ID_BYTES)


def new_secret() -> str:
    """Returns a new secret: 64 hexadecimal digits."""
    return secrets.token_hex(_SECRET_BYTES)


def key_text(key_id: str, secret: str) -> str:
    """Returns the key that a client sends."""
    return f"sg_{key_id}_{secret}"


def split_key(text: str) -> tuple[str, str] | None:
    """Returns the id and the secret of a key, None for what is not written as one."""
    found = _KEY.fullmatch(text)
    return None if found is None else (found[1], found[2])


def digest_of(secret: str) -> str:
    """Returns the SHA-256 of a secret, which is kept in its place."""
    return hashlib.sha256(secret.encode()).hexdigest()
