"""The one text of JSON data that digests are computed over.

Sorted keys, no spaces, ASCII, whole numbers as integers and others as Python writes them (shortest digits that read
back to the same double), so that a reader who writes 1.0 as 1, as JavaScript does, has the same text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from json.encoder import encode_basestring_ascii
from typing import Any, Final

from smoothgen.errors import InvalidCertificate

# A cycle has no text either way: `_whole_numbers` runs into the recursion limit first.
_ENCODER: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False, check_circular=False)
_AS_THEY_ARE: Final = frozenset({str, int, bool, type(None)})


def canonical(value: Any) -> str:
    """The text of JSON data. Raises InvalidCertificate for what JSON cannot hold."""
    kind = type(value)
    # What stands alone in a document needs no encoder: to set one up takes longer.
    if kind is str:
        return encode_basestring_ascii(value)
    if kind is float and value % 1 > 0:  # neither whole, nor infinite, nor NaN
        return repr(value)
    if kind is int or (kind is float and abs(value) < 2**53):
        return repr(int(value))
    if value is None:
        return "null"
    if (kind is dict or kind is list or kind is tuple) and not value:
        return "{}" if kind is dict else "[]"
    try:
        return _ENCODER.encode(_whole_numbers(value))
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidCertificate(f"a certificate holds JSON and finite numbers only: {error}") from error


def canonical_object(values: Mapping[str, Any], written: Mapping[str, str]) -> str:
    """`canonical` of an object with plain names, of which some values have been written before: `written` holds their
    texts."""
    parts = [f'"{name}":{written.get(name) or canonical(values[name])}' for name in sorted(values)]
    return "{" + ",".join(parts) + "}"


def _whole_numbers(value: Any) -> Any:
    """The same data with every whole float of exact integer range as an int."""
    kind = type(value)
    # By exact type first: asking an abstract class about every number takes longer than all the rest of the digest.
    if kind is float:
        return int(value) if abs(value) < 2**53 and value.is_integer() else value
    if kind in _AS_THEY_ARE:
        return value
    if kind is dict:
        # Leaves without a call: they are most of a document.
        return {key: inner if type(inner) in _AS_THEY_ARE else _whole_numbers(inner) for key, inner in value.items()}
    if kind is list or kind is tuple:
        return [inner if type(inner) is float and inner % 1 else _whole_numbers(inner) for inner in value]
    if isinstance(value, Mapping):
        return {key: _whole_numbers(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_whole_numbers(inner) for inner in value]
    if isinstance(value, float) and abs(value) < 2**53 and value.is_integer():
        return int(value)
    return value
