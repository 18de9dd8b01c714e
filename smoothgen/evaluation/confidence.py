"""Exact binomial bounds, one for each side, as every method of the evaluation uses them."""

from __future__ import annotations

import numpy as np

from smoothgen.certificates.bounds.bands import clopper_pearson_upper, require_alpha
from smoothgen.certificates.bounds.rounding import RELATIVE_SLACK
from smoothgen.errors import InvalidDistances


def probability_at_most(count: int, draws: int, alpha: float) -> float:
    """Returns an upper bound on the probability of an event that happened `count` times in `draws` independent draws.

    P(the probability is above the bound) ≤ alpha. Clopper & Pearson (1934). Raises InvalidAlpha, and InvalidDistances
    unless 0 ≤ count ≤ draws and draws ≥ 1.

    Proof: docs/theory/evaluation.md, "Exact binomial bounds".
    """
    _require_counts(count, draws)
    require_alpha(alpha)
    if count == draws:
        return 1.0
    return float(clopper_pearson_upper(np.array([count]), draws, np.array([alpha]))[0])


def probability_at_least(count: int, draws: int, alpha: float) -> float:
    """Returns a lower bound on the probability of an event that happened `count` times in `draws` independent draws.

    P(the probability is below the bound) ≤ alpha. Raises as `probability_at_most`.

    Proof: docs/theory/evaluation.md, "Exact binomial bounds".
    """
    return max(0.0, (1 - probability_at_most(draws - count, draws, alpha)) * (1 - RELATIVE_SLACK))


def _require_counts(count: int, draws: int) -> None:
    if not (draws >= 1 and 0 <= count <= draws):
        raise InvalidDistances(
            f"count must lie between 0 and the number of draws, which is at least 1; got {count!r} of {draws!r}",
            field="count",
        )
