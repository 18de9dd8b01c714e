"""Which texts of a set are drawn: uniform, independent, with replacement, and a function of the seed."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from smoothgen.errors import InvalidParameters
from smoothgen.noise import Seed, Stream, uniforms

LARGEST_SET: Final = 2**32
_GRID: Final = 2**52


def drawn_indices(seed: Seed, size: int, count: int) -> NDArray[np.int64]:
    """Returns `count` numbers of [0, size), shape (count,), uniform and independent, repetitions among them.

    Draw i is a function of (seed, i) and size: it reads number i of the seed's stream EDITS, whatever `count` is.
    Exactly uniform where the seed's numbers are: a point of their 2⁵²-point grid beyond the last whole multiple of
    `size` is drawn again, at the next step, so no text is favoured.
    Proof: docs/theory/edits.md, "A set too large to run".

    Raises InvalidParameters unless 1 ≤ size ≤ 2³² and count ≥ 1.
    """
    if not 1 <= size <= LARGEST_SET:
        raise InvalidParameters(f"a set has 1 to {LARGEST_SET} texts, got {size!r}", field="size")
    if count < 1:
        raise InvalidParameters(f"count must be at least 1, got {count!r}", field="count")
    points, step = _points(seed, count, 0), 0
    while (beyond := points >= _GRID - _GRID % size).any():
        step += 1
        points[beyond] = _points(seed, count, step)[beyond]
    drawn: NDArray[np.int64] = points % size
    return drawn


def _points(seed: Seed, count: int, step: int) -> NDArray[np.int64]:
    """Returns the grid points w of the uniforms (w + ½)/2⁵². Times 2⁵² they are exact in a double."""
    return (uniforms(seed, Stream.EDITS, 0, count, step=step) * _GRID).astype(np.int64)
