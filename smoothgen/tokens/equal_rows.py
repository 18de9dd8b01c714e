"""One pass over an embedding table: its digest, and which rows are equal."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smoothgen.errors import UnusableTable
from smoothgen.tokens.distances import block_rows


def digest_and_first_equal(rows: NDArray[Any]) -> tuple[str, NDArray[np.int64]]:
    """Returns "sha256:…" over dtype, shape and bytes, and for every row the lowest id of a row equal to it.

    Rows are equal where their bits are, −0 being read as 0. Raises UnusableTable for a number that is not finite.
    """
    digest = hashlib.sha256(f"{rows.dtype.str} {rows.shape[0]} {rows.shape[1]}\n".encode())
    first_equal = np.arange(len(rows), dtype=np.int64)
    seen: dict[bytes, int] = {}
    step = block_rows(rows.shape[1])
    for start in range(0, len(rows), step):
        block = np.ascontiguousarray(rows[start : start + step])
        digest.update(block.data)
        _require_finite(block, start)
        block = block + np.zeros(1, dtype=block.dtype)  # −0 becomes 0
        for k, row in enumerate(block):
            # A sha256 stands for the row, so that no second copy of the table is kept.
            first_equal[start + k] = seen.setdefault(hashlib.sha256(row.data).digest(), start + k)
    return f"sha256:{digest.hexdigest()}", first_equal


def _require_finite(block: NDArray[Any], start: int) -> None:
    finite = np.isfinite(block).all(axis=1)
    if not finite.all():
        row = start + int(np.argmin(finite))
        raise UnusableTable(
            f"row {row} of the embedding table holds a number that is not finite, so it has no distance to others: "
            "mend the weights, or give the table without this row"
        )
