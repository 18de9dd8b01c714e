"""A public embedding table, and snapping to it: every position goes to its nearest row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from smoothgen.errors import InvalidTokens, UnusableTable
from smoothgen.tokens.candidates import Candidates, FirstPass, MakesFirstPass, squared_norms
from smoothgen.tokens.distances import LARGEST_WIDTH, direct_squared
from smoothgen.tokens.equal_rows import digest_and_first_equal
from smoothgen.tokens.single_pass import SinglePass

_LARGEST_NUMBER: Final = 2.0**500
"""The largest number in an embedding to snap: its square times any width is still a double."""


class TokenTable:
    """The rows e_0 … e_{V−1} of a model's token embedding, and which of them are targets of the snap.

    Equal rows are one: each id has a canonical id, the lowest target of its row (the lowest id where none is a target).
    `targets` holds canonical ids. A token of an honest prompt is always a target for that prompt: methods take the
    prompt's ids as `honest` and add them, so that an honest prompt snaps to itself whatever was excluded.

    Beside the rows, which may be memory-mapped and are only read, a table keeps 24 bytes a row, and 16 more from
    the first list or snap on.
    """

    def __init__(
        self, rows: NDArray[Any], excluded: Iterable[int] = (), first_pass: MakesFirstPass | None = None
    ) -> None:
        """rows: (V, width), float32 or float16; bfloat16 is given as float32, exactly. excluded: ids that are no
        targets, such as markers and rows without a token. first_pass: finds the rows that may be nearest elsewhere, on
        a device; by default numpy does. It changes no result: what is compared are direct distances.

        Raises UnusableTable for rows of another type or shape or with numbers that are not finite, InvalidTokens for
        excluded ids outside the table.
        """
        if rows.ndim != 2 or 0 in rows.shape or rows.dtype not in (np.float32, np.float16):
            raise UnusableTable(
                f"an embedding table is a (rows, width) array of float32 or float16 with at least one number, got "
                f"shape {rows.shape} of {rows.dtype}: give the model's embedding weights, bfloat16 cast to float32"
            )
        if rows.shape[1] > LARGEST_WIDTH:
            raise UnusableTable(f"rows of {rows.shape[1]} numbers are too wide; at most {LARGEST_WIDTH} are supported")
        self.rows = rows
        self.digest, first = digest_and_first_equal(rows)
        """`digest`: sha256 over dtype, shape and bytes of the rows."""
        open_ids = np.ones(len(rows), dtype=bool)
        open_ids[self.known(list(excluded))] = False
        lowest = np.full(len(rows), len(rows), dtype=np.int64)  # by the first equal row: the lowest target of its kind
        np.minimum.at(lowest, first[open_ids], np.flatnonzero(open_ids))
        self._canonical = np.where(lowest[first] < len(rows), lowest[first], first)
        self.targets = np.unique(self._canonical[open_ids])
        self._norms = squared_norms(rows)
        self._elsewhere = first_pass

    @property
    def width(self) -> int:
        """Returns how many numbers a row has."""
        return int(self.rows.shape[1])

    def known(self, ids: Sequence[int] | NDArray[Any]) -> NDArray[np.int64]:
        """Returns the ids as an array. Raises InvalidTokens where one is not an id of this table."""
        array = np.asarray(ids)
        if array.size == 0 and array.ndim == 1:
            return np.zeros(0, dtype=np.int64)
        if array.ndim != 1 or array.dtype.kind not in "iu":
            raise InvalidTokens(
                f"token ids are one flat list of whole numbers, got {array.dtype} of shape {array.shape}: give the "
                "tokenizer's ids"
            )
        outside = (array < 0) | (array >= len(self.rows))
        if outside.any():
            raise InvalidTokens(
                f"token id {array[outside][0]} is outside the embedding table of {len(self.rows)} rows; give ids of "
                "the model's own tokenizer"
            )
        return array.astype(np.int64)

    def canonical(self, ids: Sequence[int] | NDArray[Any]) -> NDArray[np.int64]:
        """Returns the canonical id of every id, shape (ids,). Raises InvalidTokens."""
        found: NDArray[np.int64] = self._canonical[self.known(ids)]
        return found

    def targets_with(self, honest: Sequence[int] | NDArray[Any]) -> NDArray[np.int64]:
        """Returns the targets for a prompt of these ids: `targets` and its own, canonical, in increasing order."""
        own = self.canonical(honest)
        return self.targets if np.isin(own, self.targets).all() else np.union1d(self.targets, own)

    def first_pass(self, targets: NDArray[np.int64], points: NDArray[Any]) -> FirstPass:
        """Returns what finds those of the targets that may be nearest to these points, (points, width)."""
        if self._elsewhere is not None:
            return self._elsewhere(targets, self._norms)
        single = self._single if targets is self.targets else SinglePass(self.rows, targets, self._norms)
        return single if single.takes(points) else Candidates(self.rows, targets, self._norms)

    def snap(self, embeddings: NDArray[Any], honest: Sequence[int] = ()) -> NDArray[np.int64]:
        """Returns the canonical id of the nearest target of every embedding, shape (positions,).

        embeddings: (positions, width), any float type. Squared distances are compared as `direct_squared` computes
        them, in double; the lowest canonical id wins a tie. honest: the prompt's ids, which are targets as well.

        Numerical error: where row t was meant and another row j is returned, Δ = e_j − e_t, the attack δ = y − e_t has
        ‖δ‖ ≥ (‖Δ‖² − u)/(2‖Δ‖) with u = (width + 4)·2⁻⁵³·‖Δ‖² (docs/theory/neighbours.md). Memory at work: that of
        `SinglePass`, of `Candidates` for numbers that single precision cannot hold, and one byte a number given.

        Raises InvalidTokens for another shape, numbers that are not finite or beyond 2⁵⁰⁰, and where nothing is a
        target.
        """
        given = self._embeddings(embeddings)
        targets = self.targets_with(honest)
        if not len(targets):
            raise InvalidTokens("no row of the embedding table is a target; exclude fewer ids")
        found = np.empty(len(given), dtype=np.int64)
        for k, ids in enumerate(self.first_pass(targets, given).of(given, 1)):
            squared = direct_squared(self.rows, ids, given[k].astype(np.float64))
            found[k] = ids[np.argmin(squared)]  # the first of equals, and ids increase
        return found

    @cached_property
    def _single(self) -> SinglePass:
        return SinglePass(self.rows, self.targets, self._norms)

    def _embeddings(self, embeddings: NDArray[Any]) -> NDArray[Any]:
        given = np.asarray(embeddings)
        if given.ndim != 2 or given.shape[1] != self.width or given.dtype not in (np.float16, np.float32, np.float64):
            raise InvalidTokens(
                f"embeddings to snap are a (positions, {self.width}) array of float16, float32 or float64, got shape "
                f"{given.shape} of {given.dtype}: give what stands in place of the model's token embeddings"
            )
        bad = ~np.isfinite(given)
        if given.dtype == np.float64:  # the others' largest number is below
            bad |= np.abs(given) > _LARGEST_NUMBER
        if bad.any():
            position, number = np.argwhere(bad)[0]
            raise InvalidTokens(
                f"the embedding at position {position} holds {given[position, number]}; numbers must be finite and at "
                "most 2^500 in size"
            )
        return given
