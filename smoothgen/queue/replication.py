"""Waiting until replicas have what was written, where the operator asked for it (docs/decisions/0016)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from smoothgen.errors import NotReplicated


@dataclass(frozen=True)
class Replication:
    """How many replicas must have a write before it counts, and how long that may take."""

    replicas: int = 0
    timeout_ms: int = 500

    def require(self, confirmed: int) -> None:
        """Raises NotReplicated where fewer replicas confirmed. confirmed: how many did."""
        if confirmed < self.replicas:
            raise NotReplicated(f"{confirmed} of {self.replicas} replicas confirmed it within {self.timeout_ms} ms")


UNREPLICATED: Final = Replication()
