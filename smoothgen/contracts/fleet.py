"""Fleet pools: which requests' distances may be averaged together, over which windows of time (theory T5)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final

from smoothgen.certificates.fleet import NOT_SERVED, OUTSTANDING
from smoothgen.contracts.base import Contract

WINDOWS: Final[Mapping[str, timedelta]] = MappingProxyType({"hour": timedelta(hours=1), "day": timedelta(days=1)})
_FORMATS: Final = {"hour": "%Y-%m-%dT%H", "day": "%Y-%m-%d"}

# Redis keeps one printable character a request: its client decodes everything it reads as text.
_FIRST: Final = ord("!")
_CHARACTERS: Final = {OUTSTANDING: "~", NOT_SERVED: "}"}
_TO_BINS: Final = {ord(character): special for special, character in _CHARACTERS.items()}


class FleetPool(Contract):
    """What requests of one pool have in common: everything that their noise and their distance mean."""

    model: str
    digest: str
    mechanism: dict[str, Any]
    metric: dict[str, Any]
    diameter: float
    randomness: str

    @cached_property
    def id(self) -> str:
        """A short name: the same for the same pool, everywhere."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:16]


def windows_of(submitted_ms: int) -> list[str]:
    """The windows a request submitted at this time belongs to, such as "hour:2026-11-23T22" (UTC)."""
    submitted = datetime.fromtimestamp(submitted_ms / 1000, UTC)
    return [f"{length}:{submitted.strftime(_FORMATS[length])}" for length in WINDOWS]


def window_span(window: str) -> tuple[datetime, datetime]:
    """Start and end of a window, UTC. Raises ValueError for what is no window, or not written as `windows_of` does."""
    length, _, text = window.partition(":")
    try:
        start = datetime.strptime(text, _FORMATS[length]).replace(tzinfo=UTC)
        span = start, start + WINDOWS[length]
    except (KeyError, ValueError, OverflowError) as error:
        raise ValueError(f"{window!r:.80} is no window of an {' or a '.join(WINDOWS)}") from error
    if start.strftime(_FORMATS[length]) != text:
        raise ValueError(f"{window!r:.80} would be written {length}:{start.strftime(_FORMATS[length])}")
    return span


def written_bin(bin_: int) -> str:
    """A bin as Redis keeps it."""
    return _CHARACTERS.get(bin_) or chr(_FIRST + bin_)


def read_bins(written: str) -> bytes:
    """The bins of a pool, one byte a request."""
    return bytes(_TO_BINS.get(code, code - _FIRST) for code in written.encode("ascii"))
