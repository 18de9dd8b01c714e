"""The token sequences that an l2 attack on token embeddings can reach once they are snapped, nearest first."""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

from smoothgen.errors import InvalidTokens
from smoothgen.tokens.neighbourhoods import Neighbourhoods, TokenRows

_FIRST_ROWS: Final = 256
_GROWTH: Final = 4

Change = tuple[int, int]
"""A position, and the canonical id that stands there instead."""

State = tuple[tuple[int, int], ...]
"""Changes in increasing order: the place of a position in the order of cheapest changes, and the rank of the row."""


@dataclass(frozen=True)
class Neighbours:
    """The nearest other sequences of one length, by cost, each once.

    An attack δ on the embeddings of `tokens` that makes the snap return sequence k has ‖δ‖₂ ≥ costs[k]; one that makes
    it return a sequence that is not listed has ‖δ‖₂ ≥ next_cost, infinite where all sequences are listed. `changes`:
    where each differs, by position.
    """

    tokens: tuple[int, ...]
    costs: NDArray[np.float64]
    changes: tuple[tuple[Change, ...], ...]
    next_cost: float

    def ids(self, k: int) -> list[int]:
        """Returns the token ids of sequence k: those of the prompt, and canonical ids where it differs."""
        ids = list(self.tokens)
        for position, token in self.changes[k]:
            ids[position] = token
        return ids


def nearest_sequences(neighbourhoods: Neighbourhoods, tokens: Sequence[int], number: int) -> Neighbours:
    """Returns the `number` nearest other sequences of `tokens`, or all where there are fewer.

    Order: by cost before it is rounded, then by changes, compared in turn: positions whose cheapest change costs
    less come first (then lower positions), and of one position cheaper rows (then lower ids). So the list for a smaller
    number is the beginning of the list for a larger one.

    Memory beside the table's own, for m positions with s different tokens and n = number: 16·(256·s + 6·(n + 1)) bytes
    of lists, 8·m of order, and at most 3·(n + 1) sequences of at most log₂(n + 2) + 1 changes, some 100 bytes a change.

    Raises InvalidTokens, UnusableTable.
    """
    if number < 1:
        raise InvalidTokens(f"the number of neighbouring sequences must be at least 1, got {number}")
    walk = _Walk(neighbourhoods, tokens, number)
    listed: list[tuple[int, State]] = []
    while len(listed) <= number and (found := walk.next()) is not None:
        listed.append(found)
    costs = np.array([walk.cost(total) for total, _ in listed], dtype=np.float64)
    changes = tuple(walk.changes(state) for _, state in listed[:number])
    next_cost = float(costs[number]) if len(listed) > number else math.inf
    return Neighbours(tuple(int(token) for token in tokens), costs[:number], changes, next_cost)


def cost_of(neighbourhoods: Neighbourhoods, tokens: Sequence[int], others: Sequence[int]) -> float:
    """Returns the cost of one sequence: a lower bound of ‖δ‖₂ for attacks on `tokens` that the snap reads as `others`.

    From its terms alone, by the same arithmetic as `nearest_sequences`. 0 for the same sequence. Raises InvalidTokens.
    """
    ours, theirs = neighbourhoods.table.canonical(tokens), neighbourhoods.table.canonical(others)
    if len(ours) != len(theirs):
        raise InvalidTokens(f"sequences of {len(ours)} and {len(theirs)} tokens: an attack changes no token count")
    terms = [float(neighbourhoods.reach(int(t), np.array([j]))[0]) for t, j in zip(ours, theirs, strict=True) if t != j]
    return _root_below(float(sum(map(Fraction, terms), Fraction(0))))


class _Walk:
    """Walks the sequences by cost: each state has one parent, which costs less or as much and is the lesser tuple.

    Squared costs are whole multiples of 2^-shift, so that sums are exact and a sequence costs more than any that makes
    only some of its changes.
    """

    def __init__(self, neighbourhoods: Neighbourhoods, tokens: Sequence[int], number: int) -> None:
        table = neighbourhoods.table
        self._neighbourhoods, self._honest = neighbourhoods, table.known(tokens)
        self._tokens = [int(token) for token in table.canonical(tokens)]
        share = 2 * number // max(len(set(self._tokens)), 1)  # or rows would be fetched in many small steps
        self._rows = neighbourhoods.nearest(self._tokens, min(number + 1, max(_FIRST_ROWS, share)), self._honest)
        changeable = [p for p, token in enumerate(self._tokens) if len(self._rows[token].ids)]
        self._order = sorted(changeable, key=lambda p: (self._rows[self._tokens[p]].reach[0], p))
        least = min((float(rows.reach[0]) for rows in self._rows.values() if len(rows.reach)), default=1.0)
        self._shift = 53 - math.frexp(least)[1]
        self._heap: list[tuple[int, State]] = []
        if self._order:
            heapq.heappush(self._heap, (self._term(0, 0), ((0, 0),)))

    def next(self) -> tuple[int, State] | None:
        """Returns the next sequence, None after the last."""
        if not self._heap:
            return None
        total, state = found = heapq.heappop(self._heap)
        (place, rank), rest = state[-1], state[:-1]
        here = self._term(place, rank)
        if self._has(place, rank + 1):
            heapq.heappush(self._heap, (total - here + self._term(place, rank + 1), (*rest, (place, rank + 1))))
        if place + 1 < len(self._order):
            after = self._term(place + 1, 0)
            heapq.heappush(self._heap, (total + after, (*state, (place + 1, 0))))
            if rank == 0:
                heapq.heappush(self._heap, (total - here + after, (*rest, (place + 1, 0))))
        return found

    def cost(self, total: int) -> float:
        """Returns the cost that a sum of terms stands for, rounded down."""
        return _root_below(total / (1 << self._shift) if self._shift >= 0 else float(total << -self._shift))

    def changes(self, state: State) -> tuple[Change, ...]:
        """Returns what a state changes, by position."""
        return tuple(sorted((self._order[place], int(self._of(place).ids[rank])) for place, rank in state))

    def _of(self, place: int) -> TokenRows:
        return self._rows[self._tokens[self._order[place]]]

    def _has(self, place: int, rank: int) -> bool:
        """Returns whether a position has a row of this rank; fetches more rows where the list may go on."""
        rows = self._of(place)
        if rank >= len(rows.ids) and not rows.complete:
            token = self._tokens[self._order[place]]
            self._rows.update(self._neighbourhoods.nearest([token], _GROWTH * rank, self._honest))
            rows = self._rows[token]
        return rank < len(rows.ids)

    def _term(self, place: int, rank: int) -> int:
        """Returns a squared cost in multiples of 2^-shift: exact, since none is smaller than the least."""
        mantissa, exponent = math.frexp(float(self._of(place).reach[rank]))
        return int(mantissa * 2**53) << (exponent - 53 + self._shift)


def _root_below(squared: float) -> float:
    """Returns a double that is at most the root of what `squared` was rounded from, and within 2⁻⁴⁹ of it."""
    return math.sqrt(squared) * (1 - 2.0**-51)
