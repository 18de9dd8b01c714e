"""What a server does about Python's garbage collector."""

from __future__ import annotations

import gc
from typing import Final

_YOUNG: Final = 50_000
"""Allocations between collections. A request makes some thousand objects and frees them by itself: Python's default of
700 looks for cycles several times a request and finds none."""


def settle_heap() -> None:
    """Call once everything is loaded. What a process keeps for ever is never searched for garbage again.

    Together they took a third of a worker's time for a request (benchmarks/load).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, 20, 50)
