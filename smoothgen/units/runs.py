"""Which subsets of the units a job runs: some to choose the output by, and others to certify it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from smoothgen.certificates.units import UnitChoice
from smoothgen.noise import Seed, Stream, uniforms

_KEPT: Final = 8
"""Jobs whose plans are kept: thousands of draws take longer than a batch of a fast model."""


@dataclass(frozen=True)
class PlannedRuns:
    """The runs of a job's certification.

    kept: which units each run keeps, shape (runs, units). of_draws: the run of each draw, shape (draws,): a subset that
    is drawn twice is run once. None where every subset is run, in the order of `UnitChoice.enumerated`.
    """

    kept: NDArray[np.bool_]
    of_draws: NDArray[np.int64] | None

    def needed(self, draws: int) -> int:
        """Returns how many of the runs the first `draws` draws rest on."""
        return draws if self.of_draws is None else int(self.of_draws[:draws].max()) + 1


def selected_subsets(choice: UnitChoice, seed: Seed, count: int, *, enumerated: bool) -> NDArray[np.bool_]:
    """Returns the subsets that choose a job's output, shape (at most count, units).

    enumerated: whether every subset is run for the certificate; those of the selection are then distinct. Otherwise
    they are drawn as the certificate's are, from a stream of their own, so that the most frequent answer is the likely
    one.
    """
    if not enumerated:
        return choice.drawn(seed, Stream.UNITS_SELECTION, range(count))
    subsets = choice.enumerated()
    order = np.argsort(uniforms(seed, Stream.UNITS_SELECTION, 0, len(subsets)), kind="stable")
    return subsets[order[:count]]


@lru_cache(_KEPT)
def planned_runs(choice: UnitChoice, seed: Seed | None, draws: int | None) -> PlannedRuns:
    """Returns the runs of a job, a function of its seed and of how units are chosen. seed,
    draws: None where every subset is run."""
    if draws is None or seed is None:
        return PlannedRuns(choice.enumerated(), None)
    drawn = choice.drawn(seed, Stream.UNITS_CERTIFICATION, range(draws))
    kept, first, places = np.unique(drawn, axis=0, return_index=True, return_inverse=True)
    in_turn = np.argsort(first)  # so that the runs so far are those of the draws so far
    rank = np.empty_like(in_turn)
    rank[in_turn] = np.arange(len(in_turn))
    return PlannedRuns(kept[in_turn], rank[places.reshape(-1)])
