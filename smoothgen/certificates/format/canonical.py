"""The one text of JSON data that digests are computed over.

Sorted keys, no spaces, ASCII, whole numbers as integers and others as Python writes them (shortest digits that read
back to the same double), so that a reader who writes 1.0 as 1, as JavaScript does, has the same text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from smoothgen.errors import InvalidCertificate

# A cycle has no text either way: `_whole_numbers` runs into the recursion limit first.
_ENCODER: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False, check_circular=False)
_LARGEST_WHOLE: Final = 2**53
"""Up to here every whole number is a double."""


def canonical(value: Any) -> str:
    """Returns the canonical text of JSON data. Raises InvalidCertificate for what JSON cannot hold."""
    try:
        return _ENCODER.encode(_whole_numbers(value))
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidCertificate(f"a certificate holds JSON and finite numbers only: {error}") from error


def _whole_numbers(value: Any) -> Any:
    """Returns the same data with every whole float below 2⁵³ as an int."""
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < _LARGEST_WHOLE else value
    if value is None or isinstance(value, (str, int)):
        return value
    if isinstance(value, (list, tuple)):
        return [_whole_numbers(inner) for inner in value]
    if isinstance(value, Mapping):
        return {key: _whole_numbers(inner) for key, inner in value.items()}
    return value
