"""What every document is made of: JSON data of bounded depth, read kind by kind. `where` names the place in errors."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from smoothgen.errors import InvalidCertificate

DEEPEST: Final = 100
"""Levels of nesting of a document: the 60 of a JSON schema, and where it stands."""
DEEPEST_OPTIONS: Final = 64
"""Levels of nesting of what a request gives that documents record as it is."""
_LARGEST_INTEGER: Final = 2**63


def require_plain(document: Mapping[str, Any], deepest: int = DEEPEST) -> None:
    """Holds a document to JSON data of bounded depth, with numbers a double can hold: nothing later can overflow or
    recurse on. deepest: levels of nesting.

    Raises InvalidCertificate.
    """
    pending: list[tuple[Any, str, int]] = [(document, "", 0)]
    while pending:
        value, where, depth = pending.pop()
        if depth > deepest:
            raise InvalidCertificate(f"{where} is nested deeper than {deepest} levels", field=where)
        if isinstance(value, Mapping):
            for key, inner in value.items():
                if not isinstance(key, str):
                    raise InvalidCertificate(f"{where} has a key that is no string: {key!r:.80}", field=where)
                pending.append((inner, f"{where}.{key}".lstrip(".")[:80], depth + 1))
        elif isinstance(value, list | tuple):
            pending.extend((inner, where, depth + 1) for inner in value)
        elif is_number(value):
            if not -_LARGEST_INTEGER < value < _LARGEST_INTEGER if isinstance(value, int) else not math.isfinite(value):
                raise InvalidCertificate(f"{where} must be a finite number that fits in 64 bits", field=where)
        elif not isinstance(value, str | bool | None):
            raise InvalidCertificate(f"{where} must be JSON data, got {type(value).__name__}", field=where)


def is_number(value: object) -> bool:
    """Returns whether a value is a number. True and false are numbers to Python, and none to JSON."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def require_number(value: Any, where: str) -> float:
    """Returns a finite number as a float. Raises InvalidCertificate for anything else, true and false included."""
    if not is_number(value) or not math.isfinite(value):
        raise InvalidCertificate(f"{where} must be a finite number, got {value!r:.80}", field=where)
    return float(value)


def require_whole_number(value: Any, where: str) -> int:
    """Returns a whole number. Raises InvalidCertificate for anything else, true and false included."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidCertificate(f"{where} must be a whole number, got {value!r:.80}", field=where)
    return value


def require_string(value: Any, where: str) -> str:
    """Returns a text. Raises InvalidCertificate for anything else."""
    if not isinstance(value, str):
        raise InvalidCertificate(f"{where} must be a string, got {value!r:.80}", field=where)
    return value


def require_list(value: Any, where: str) -> list[Any]:
    """Returns a list. Raises InvalidCertificate for anything else."""
    if not isinstance(value, list):
        raise InvalidCertificate(f"{where} must be a list, got {value!r:.80}", field=where)
    return value


def require_mapping(value: Any, where: str) -> Mapping[str, Any]:
    """Returns an object. Raises InvalidCertificate for anything else."""
    if not isinstance(value, Mapping):
        raise InvalidCertificate(f"{where} must be an object, got {value!r:.80}", field=where)
    return value
