"""The nearest rows of single tokens, nearest first, kept since tokens come again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from smoothgen.errors import UnusableTable
from smoothgen.tokens.distances import direct_squared, least_squared_reach
from smoothgen.tokens.table import TokenTable

_CACHE_BYTES: Final = 2**26
_BYTES_A_ROW: Final = 16
_TOGETHER: Final = 256
"""Tokens whose rows are held as doubles at a time."""


@dataclass(frozen=True)
class TokenRows:
    """The nearest other targets of one token. `reach`: lower bounds of the squared norm of an attack on one position
    that makes the snap choose the row, in squared units of the embedding; increasing, equal ones by id. `complete`:
    whether no target is missing."""

    ids: NDArray[np.int64]
    reach: NDArray[np.float64]
    complete: bool


class Neighbourhoods:
    """Lists of nearest rows by token. For one thread at a time; it keeps 64 MiB of lists, those used last."""

    def __init__(
        self,
        table: TokenTable,
        *,
        absolute_error: float = 0.0,
        cache_bytes: int = _CACHE_BYTES,
        on_token: Callable[[], None] | None = None,
    ) -> None:
        """absolute_error: what compared squared distances are off by, in squared units, where the snap is not the
        table's own but one that errs by more (`least_squared_reach`). on_token: called whenever the rows of one more
        token are sorted, for whoever watches that a long list goes on."""
        if not 0 <= absolute_error < np.inf:
            raise UnusableTable(f"absolute_error must be a finite number of at least 0, got {absolute_error!r}")
        self.table, self._absolute = table, absolute_error
        self._kept: OrderedDict[int, TokenRows] = OrderedDict()
        self._room, self._used = cache_bytes, 0
        self._on_token = on_token

    def nearest(
        self, tokens: Sequence[int] | NDArray[Any], number: int, honest: Sequence[int] | NDArray[Any] = ()
    ) -> dict[int, TokenRows]:
        """Returns, by canonical id of each token, at least the `number` nearest other targets, or all there are.

        honest: the prompt's ids, which are targets as well. Raises InvalidTokens, and UnusableTable where a token's
        nearest row is so close that the snap may take one for the other without any attack.
        """
        wanted = [int(token) for token in np.unique(self.table.canonical(tokens))]
        targets = self.table.targets_with(honest)
        kept = len(targets) == len(self.table.targets)  # lists with a prompt's own targets are that prompt's
        found = {token: rows for token in wanted if kept and (rows := self._known(token, number)) is not None}
        missing = [token for token in wanted if token not in found]
        for start in range(0, len(missing), _TOGETHER):
            some = np.array(missing[start : start + _TOGETHER], dtype=np.int64)
            own = self._rows(some)
            first_pass = self.table.first_pass(targets, own)
            for token, ids in zip(some, first_pass.of(own, number, without=some), strict=True):
                found[int(token)] = rows = self._sorted(int(token), ids, number, targets)
                if self._on_token is not None:
                    self._on_token()
                if kept:
                    self._keep(int(token), rows)
        return found

    def reach(self, token: int, ids: NDArray[np.int64]) -> NDArray[np.float64]:
        """Returns `TokenRows.reach` of the rows `ids` beside the canonical id `token`, 0 where the row is the same."""
        squared = direct_squared(self.table.rows, ids, self._rows(np.array([token]))[0])
        return least_squared_reach(squared, self.table.width, self._absolute)

    def _rows(self, ids: NDArray[np.int64]) -> NDArray[np.float64]:
        doubles: NDArray[np.float64] = self.table.rows[ids].astype(np.float64)
        return doubles

    def _sorted(self, token: int, ids: NDArray[np.int64], number: int, targets: NDArray[np.int64]) -> TokenRows:
        reach = self.reach(token, ids)
        order = np.lexsort((ids, reach))[:number]
        ids, reach = ids[order], reach[order]
        if len(reach) and reach[0] <= 0:
            raise UnusableTable(
                f"rows {token} and {ids[0]} of the embedding table are {np.sqrt(self._squared(token, ids[0])):.3g} "
                f"apart, and squared distances are compared with an error of {self._absolute:.3g}: the snap may take "
                "one for the other without any attack; snap in double, or exclude one of the two"
            )
        others = len(targets) - int(np.isin(token, targets))
        return TokenRows(ids, reach, complete=len(ids) == others)

    def _squared(self, token: int, other: np.int64) -> float:
        return float(direct_squared(self.table.rows, np.array([other]), self._rows(np.array([token]))[0])[0])

    def _known(self, token: int, number: int) -> TokenRows | None:
        rows = self._kept.get(token)
        if rows is None or not (rows.complete or len(rows.ids) >= number):
            return None
        self._kept.move_to_end(token)
        return rows

    def _keep(self, token: int, rows: TokenRows) -> None:
        before = self._kept.pop(token, None)
        self._used += _BYTES_A_ROW * (len(rows.ids) - (0 if before is None else len(before.ids)))
        self._kept[token] = rows
        while self._used > self._room and len(self._kept) > 1:
            self._used -= _BYTES_A_ROW * len(self._kept.popitem(last=False)[1].ids)
