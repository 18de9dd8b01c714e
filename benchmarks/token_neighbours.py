"""Time and memory of listing token neighbours: python -m benchmarks.token_neighbours

Tables of random rows, of SmolLM2's size unless told otherwise (49,152 × 576). "full" is the full matrix: it computes
and sorts all distances of every token of the prompt, and then walks the same sequences; lists must agree. Memory is the
peak of what numpy and Python allocate, the table left aside. --alone: our list only, made once, with its memory
watched while it is timed. --smoke: a small table, in a few seconds.
"""

from __future__ import annotations

import argparse
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smoothgen.tokens import Neighbourhoods, Neighbours, TokenRows, TokenTable, nearest_sequences

MIB = 2**20


class FullMatrix(Neighbourhoods):
    """All rows of all tokens, sorted: one matrix of (tokens, rows)."""

    def nearest(
        self, tokens: Sequence[int] | NDArray[Any], number: int, honest: Sequence[int] | NDArray[Any] = ()
    ) -> dict[int, TokenRows]:
        del number, honest
        ids = np.unique(self.table.canonical(tokens))
        rows = self.table.rows[self.table.targets].astype(np.float64)
        squares = np.square(rows).sum(axis=1)
        own = self.table.rows[ids].astype(np.float64)
        squared = np.square(own).sum(axis=1)[:, None] + squares - 2 * (own @ rows.T)
        squared[np.arange(len(ids)), np.searchsorted(self.table.targets, ids)] = -1
        order = np.argsort(squared, axis=1)[:, 1:]
        reach = np.take_along_axis(squared, order, axis=1) / 4
        others = self.table.targets[order]
        return {int(token): TokenRows(others[k], reach[k], complete=True) for k, token in enumerate(ids)}


@dataclass(frozen=True)
class Measured:
    """Seconds, and peak memory in MiB."""

    seconds: float
    memory: float


def measured(call: Callable[[], Neighbours]) -> tuple[Neighbours, Measured]:
    """Time and memory are two runs: watching allocations costs time."""
    begun = time.perf_counter()
    found = call()
    seconds = time.perf_counter() - begun
    tracemalloc.start()
    call()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return found, Measured(seconds, peak / MIB)


def alone(table: TokenTable, length: int, number: int) -> Measured:
    """Ours, once: where the full matrix would not fit."""
    tokens = tokens_of(table, length)
    tracemalloc.start()
    begun = time.perf_counter()
    nearest_sequences(Neighbourhoods(table), tokens, number)
    seconds, peak = time.perf_counter() - begun, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return Measured(seconds, peak / MIB)


def tokens_of(table: TokenTable, length: int) -> list[int]:
    """A prompt of random tokens."""
    return [int(token) for token in np.random.default_rng(length).integers(0, len(table.rows), size=length)]


def random_rows(count: int, width: int) -> NDArray[np.float32]:
    """A table of independent normal numbers, made in parts."""
    rng, rows = np.random.default_rng(0), np.empty((count, width), dtype=np.float32)
    for start in range(0, count, 4096):
        part = rows[start : start + 4096]
        part[:] = rng.normal(size=part.shape)
    return rows


def compared(table: TokenTable, length: int, number: int) -> tuple[Measured, Measured]:
    """Ours and the full matrix. Raises ValueError where their lists differ."""
    tokens = tokens_of(table, length)
    ours, own = measured(lambda: nearest_sequences(Neighbourhoods(table), tokens, number))
    full, theirs = measured(lambda: nearest_sequences(FullMatrix(table), tokens, number))
    if ours.changes != full.changes or not np.allclose(ours.costs, full.costs, rtol=1e-9):
        raise ValueError(f"lists of {number} sequences for {length} tokens differ")
    return own, theirs


def report(
    count: int, width: int, lengths: Sequence[int], numbers: Sequence[int], *, only_ours: bool = False
) -> Iterator[str]:
    rows = random_rows(count, width)
    begun = time.perf_counter()
    table = TokenTable(rows)
    yield f"table of {count} x {width} random rows, read in {time.perf_counter() - begun:.2f} s"
    if only_ours:
        for length in lengths:
            for number in numbers:
                own = alone(table, length, number)
                yield f"{length} tokens, {number} sequences: {own.seconds:.1f} s, {own.memory:.1f} MiB"
        return
    yield "| tokens | sequences | seconds | full | memory, MiB | full | memory, ratio |"
    yield "|---|---|---|---|---|---|---|"
    for length in lengths:
        for number in numbers:
            own, full = compared(table, length, number)
            yield (
                f"| {length} | {number} | {own.seconds:.2f} | {full.seconds:.2f} | {own.memory:.1f} | "
                f"{full.memory:.1f} | {own.memory / full.memory:.2f} |"
            )
    for length in lengths:
        moved = rows[:length] + 0.5 * np.random.default_rng(1).normal(size=(min(length, count), width))
        begun = time.perf_counter()
        same = float(np.mean(table.snap(moved) == np.arange(len(moved))))
        yield f"snapping {length} noisy embeddings: {time.perf_counter() - begun:.2f} s, {same:.0%} to their own row"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.token_neighbours", description=__doc__)
    parser.add_argument("--rows", type=int, default=49_152)
    parser.add_argument("--width", type=int, default=576)
    parser.add_argument("--tokens", type=int, action="append", help="length of a prompt; default: 10, 100, 1000")
    parser.add_argument("--number", type=int, action="append", help="sequences; default: 100, 2000, 20000")
    parser.add_argument("--alone", action="store_true", help="leave the full matrix out")
    parser.add_argument("--smoke", action="store_true", help="a table of 4,096 × 32, 20 and 400 tokens, 500 sequences")
    given = parser.parse_args(arguments)
    if given.smoke:
        given.rows, given.width, given.tokens, given.number = 4096, 32, [20, 400], [500]
    lengths, numbers = given.tokens or [10, 100, 1000], given.number or [100, 2000, 20_000]
    for line in report(given.rows, given.width, lengths, numbers, only_ours=given.alone):
        print(line, flush=True)


if __name__ == "__main__":
    main()
