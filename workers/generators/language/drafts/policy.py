"""How many tokens of a draft are worth checking in one pass."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from workers.generators.language.drafts.prefix_tree import Draft

_LOGIT_BYTES: Final = 2**28
"""The logits that one pass may make."""


def worthwhile(drafts: Sequence[Draft], *, overhead: float, vocabulary: int) -> int:
    """Returns how many tokens of each row's draft to check in the next pass; 0 where a plain step is better.

    overhead: how many tokens are computed in the time that a pass takes whatever it computes. A token checked costs one
    for every row. A row that keeps it saves computing it later, and a pass is saved only if all rows keep it, since the
    batch goes on as long as one of its rows. So it is worth it where the expected share of rows that keep it, with
    overhead / rows for a pass that is saved, is at least 1. Rows whose draft is shorter are filled up and keep nothing.
    """
    rows = len(drafts)
    most = min(max(len(draft.tokens) for draft in drafts), _LOGIT_BYTES // (4 * vocabulary * rows) - 1)
    width = 0
    while width < most:
        kept = [draft.agreement[width] if len(draft.tokens) > width else 0.0 for draft in drafts]
        if sum(kept) / rows * (1 + overhead * math.prod(kept) / rows) < 1:
            break
        width += 1
    return width
