"""Shares of outputs with an exact interval."""

from __future__ import annotations

from dataclasses import dataclass

from smoothgen.evaluation.confidence import probability_at_least, probability_at_most


@dataclass(frozen=True)
class Share:
    """A share of outputs, and an interval that the mean probability lies in with probability 1 − alpha."""

    value: float
    low: float
    high: float


def share_of(count: int, draws: int, alpha: float) -> Share:
    """Returns the share of `count` in `draws` outputs. Each side takes half of alpha; Clopper & Pearson (1934).

    Raises as `smoothgen.evaluation.confidence.probability_at_most`.
    """
    return Share(
        count / draws, probability_at_least(count, draws, alpha / 2), probability_at_most(count, draws, alpha / 2)
    )
