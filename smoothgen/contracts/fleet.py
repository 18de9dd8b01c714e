"""Fleet pools: which requests' distances may be averaged together, over which windows of time (theory T5)."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Final

from pydantic import Field

from smoothgen.certificates.fleet.certify import NOT_SERVED, OUTSTANDING
from smoothgen.certificates.fleet.subject import WINDOW_FORMATS, WINDOWS, pool_id, window_span
from smoothgen.contracts.base import Contract

__all__ = ["WINDOWS", "FleetPool", "PoolFields", "read_bins", "window_span", "windows_of", "written_bin"]

# Redis keeps one printable character a request: its client decodes everything it reads as text.
_FIRST: Final = ord("!")
_CHARACTERS: Final = {OUTSTANDING: "~", NOT_SERVED: "}"}
_TO_BINS: Final = {ord(character): special for special, character in _CHARACTERS.items()}


class PoolFields(Contract):
    """What requests of one pool have in common: everything that their noise and their distance mean.

    largest_dimension: the most numbers x may have in one of them; None in pools that earlier releases wrote. snap:
    sha256 ("sha256:<hex>") of the table whose nearest rows their model reads in place of the noisy embeddings; left out
    where it reads the noisy embeddings themselves.
    """

    model: str
    digest: str
    mechanism: dict[str, Any]
    metric: dict[str, Any]
    diameter: float
    randomness: str
    largest_dimension: int | None = None
    snap: str | None = Field(  # pools without it keep their names
        default=None, exclude_if=lambda snap: snap is None, description="sha256 of the table that is snapped to."
    )


class FleetPool(PoolFields):
    """A pool, whose name follows from its fields."""

    @cached_property
    def id(self) -> str:
        """Returns a short name, which depends on nothing but the pool."""
        if self.largest_dimension is None:  # the releases that wrote such pools named them so
            written = self.model_dump_json(exclude={"largest_dimension"})
            return hashlib.sha256(written.encode()).hexdigest()[:16]
        return pool_id(self.model_dump(mode="json"))


def windows_of(submitted_ms: int) -> list[str]:
    """Returns the windows that a request submitted at this time belongs to, such as "hour:2026-11-23T22" (UTC)."""
    submitted = datetime.fromtimestamp(submitted_ms / 1000, UTC)
    return [f"{length}:{submitted.strftime(WINDOW_FORMATS[length])}" for length in WINDOWS]


def written_bin(bin_: int) -> str:
    """Returns a bin as the one character that Redis keeps of it."""
    return _CHARACTERS.get(bin_) or chr(_FIRST + bin_)


def read_bins(written: str) -> bytes:
    """Returns the bins of a pool, one byte a request."""
    return bytes(_TO_BINS.get(code, code - _FIRST) for code in written.encode("ascii"))
