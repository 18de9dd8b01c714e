"""Memory stays within what is stated, whatever the number of positions. It is counted as it is allocated."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import numpy as np

from smoothgen.tokens import Neighbourhoods, TokenTable, nearest_sequences

ROWS, POSITIONS, NUMBER = 20_000, 1500, 2000
AT_WORK = 2**26 + 2**25 + 48 * ROWS
SLACK = 2**22


def peak(call: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_snapping_and_listing_keep_to_their_bounds() -> None:
    rows = np.random.default_rng(0).normal(size=(ROWS, 8)).astype(np.float32)
    table = TokenTable(rows)
    tokens = list(range(POSITIONS))
    assert peak(lambda: table.snap(rows[:POSITIONS])) < AT_WORK + SLACK
    lists = 16 * (256 * POSITIONS + 6 * (NUMBER + 1))
    sequences = 3 * (NUMBER + 1) * 12 * 100
    kept = Neighbourhoods(table)
    assert peak(lambda: nearest_sequences(kept, tokens, NUMBER)) < AT_WORK + lists + sequences + SLACK


def test_what_is_kept_for_later_prompts_keeps_to_its_bound() -> None:
    table = TokenTable(np.random.default_rng(1).normal(size=(2000, 4)).astype(np.float32))
    kept = Neighbourhoods(table, cache_bytes=100_000)
    for token in range(200):
        kept.nearest([token], 50)
    assert len(kept._kept) == 100_000 // (16 * 50)
    assert list(kept._kept)[-1] == 199
