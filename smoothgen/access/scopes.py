"""What a key may be used for."""

from __future__ import annotations

from typing import Final, Literal, get_args

Scope = Literal["generate", "read", "operate"]
"""generate: make, cancel and erase jobs. read: everything that changes nothing. operate: what is for operators."""

SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)
ALL_SCOPES: Final[frozenset[Scope]] = frozenset(SCOPES)
