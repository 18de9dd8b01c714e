"""Waiting until replicas have what was written, where the operator asked for it (docs/decisions/0016)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from smoothgen.errors import NotReplicated
from smoothgen.queue.scripts.shared import EVEN_WHEN_FULL, Script

# WAIT looks back to the last write of its own connection. A job that is submitted again, and an outcome that is only
# read, write nothing: so a write goes before every WAIT, and everything written earlier by anyone stands before it.
BARRIER: Final = Script(
    EVEN_WHEN_FULL
    + """
-- KEYS: probe
redis.call('SET', KEYS[1], 'replicated', 'PX', 60000)
return 1
""",
    replicated=True,
)
"""A write that says nothing, after everything that was written before."""

PROBE: Final = Script(
    """
-- KEYS: probe
redis.call('SET', KEYS[1], 'ready', 'PX', 60000)
return 1
""",
    replicated=True,
)
"""A write that a Redis refuses which is full, or a replica, or may not write its data down."""


@dataclass(frozen=True)
class Replication:
    """How many replicas must have a write before it counts, and how long that may take."""

    replicas: int = 0
    timeout_ms: int = 500

    def require(self, confirmed: int) -> None:
        """Raises NotReplicated where fewer confirmed."""
        if confirmed < self.replicas:
            raise NotReplicated(f"{confirmed} of {self.replicas} replicas confirmed it within {self.timeout_ms} ms")


UNREPLICATED: Final = Replication()
