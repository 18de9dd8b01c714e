"""What a job's later samples may still look like, judged from those seen: used to give up, never to claim."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from smoothgen.certificates.bounds.bands import grid_ranks

Continuation = Callable[[NDArray[np.float64], int], NDArray[np.float64]]
"""From the distances seen, increasing, to those that a number of samples may have."""
DISBELIEF: Final = 0.01
"""At every rank, continuations of less than this probability are not hoped for."""


def all_at_the_centre(ordered: NDArray[np.float64], final: int) -> NDArray[np.float64]:
    """Returns the smallest distances that `final` samples can have, whatever comes: those seen, and zeros. Sorted,
    (final,).

    ordered: the distances seen, increasing, shape (n,), n ≤ final.
    """
    return np.concatenate((np.zeros(final - len(ordered)), ordered))


def favourable(ordered: NDArray[np.float64], final: int, disbelief: float = DISBELIEF) -> NDArray[np.float64]:
    """Returns the smallest distances that `final` samples may believably have, sorted, shape (final,).

    Every order statistic is at least what was seen already, and at the ranks of a grid at least what the samples seen,
    a random subset of all of them, leave believable (docs/theory, Statistics).
    """
    ranks, fewest = _fewest(len(ordered), final, disbelief)
    believed = np.zeros(final)
    # From the largest down: fewest[j] samples lie at or beyond the distance that ranks[j] of those seen lie beyond.
    believed[: fewest[-1]] = np.repeat(ordered[::-1][ranks], np.diff(fewest, prepend=0))
    return np.maximum(believed[::-1], all_at_the_centre(ordered, final))


def repeated(ordered: NDArray[np.float64], final: int) -> NDArray[np.float64]:
    """Returns the distances seen, spread evenly over `final` samples: the same empirical law. Sorted, shape
    (final,)."""
    return ordered[np.arange(final) * len(ordered) // final]


@lru_cache(maxsize=256)  # they depend on the plan alone, not on the distances
def _fewest(seen: int, final: int, disbelief: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Returns, for ranks m of the samples seen, how few of all `final` samples may believably lie at or beyond
    R_(seen−m).

    At least m + 1 of those seen do. Were it only c of all, the chance that m + 1 of these c came among the first `seen`
    would be hypergeometric; the smallest c where it exceeds `disbelief` is returned.
    """
    ranks = grid_ranks(seen, disbelief)
    fewest = np.array([_fewest_at(int(m), seen, final, disbelief) for m in ranks], dtype=np.int64)
    return ranks, np.maximum.accumulate(fewest)


def _fewest_at(m: int, seen: int, final: int, disbelief: float) -> int:
    """Returns the `disbelief` quantile of the position, among all samples in decreasing order, of the (m+1)-th one
    seen.

    That position is at most c exactly if m + 1 of the c largest were seen. It is negative hypergeometric:
    P(position = c) = C(c−1, m)·C(final−c, seen−m−1) / C(final, seen).
    """
    mean = (m + 1) * (final + 1) / (seen + 1)
    spread = math.sqrt(mean * (1 - (m + 1) / (seen + 1)) * max(1, final - seen) / (seen + 2))
    # The quantile lies below the mean; what lies more than twelve deviations below it weighs nothing.
    c = np.arange(max(m + 1, int(mean - 12 * spread)), min(final - seen + m + 1, math.ceil(mean) + 1) + 1)
    log_weight = _log_choose(c - 1, m) + _log_choose(final - c, seen - m - 1) - _log_choose(np.array(final), seen)
    position = int(np.searchsorted(np.cumsum(np.exp(log_weight)), disbelief, side="right"))
    return int(c[min(position, len(c) - 1)])


def _log_choose(n: NDArray[np.int64], k: int) -> NDArray[np.float64]:
    chosen: NDArray[np.float64] = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
    return chosen
