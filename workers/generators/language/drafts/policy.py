"""How many tokens of a draft are worth checking in one pass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from workers.generators.language.drafts.prefix_tree import Draft

_LOGIT_BYTES: Final = 2**28
"""The logits that one pass may make."""


def worthwhile(drafts: Sequence[Draft], *, overhead: float, vocabulary: int) -> int:
    """Returns how many tokens of each row's draft to check in the next pass; 0 where a plain step is better.

    overhead: how many tokens are computed in the time that a pass takes whatever it computes. A pass saved is worth
    overhead / rows further tokens to each of its rows, and a token checked costs one, so the token is worth it where
    the expected share of rows that keep it is at least 1 / (1 + overhead / rows). Rows whose draft is shorter are
    filled up, at the same cost, and keep nothing.
    """
    rows = len(drafts)
    share = 1 / (1 + overhead / rows)
    most = min(max(len(draft.tokens) for draft in drafts), _LOGIT_BYTES // (4 * vocabulary * rows) - 1)
    width = 0
    while width < most:
        kept = sum(draft.agreement[width] for draft in drafts if len(draft.tokens) > width)
        if kept / rows < share:
            break
        width += 1
    return width
