"""The runs of a job of mechanism passages or words: which units each keeps, and the model's condition of its text."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from smoothgen.contracts import JobSpec, PlannedUnits, RunWords, unit_texts
from smoothgen.noise import Seed, Stream
from smoothgen.units import PlannedRuns, planned_runs, selected_subsets
from workers.generators import Condition


def certification_runs(units: PlannedUnits, seed: Seed) -> PlannedRuns:
    """Returns the runs that a job is certified by."""
    return planned_runs(units.choice, seed, units.draws)


def selection_subsets(units: PlannedUnits, seed: Seed, count: int) -> NDArray[np.bool_]:
    """Returns the subsets that choose a job's output, shape (at most count, units)."""
    return selected_subsets(units.choice, seed, count, enumerated=units.enumerated)


class UnitRuns:
    """The conditions and the words of a job's runs, by stream and index."""

    def __init__(self, spec: JobSpec, units: PlannedUnits, seed: Seed, embed: Callable[[str], Condition]) -> None:
        """embed: gives a text its condition; where it raises, the run counts as failed. Raises InvalidInput."""
        self._texts = unit_texts(spec.request, spec.mechanism)
        self._units, self._seed, self._embed = units, seed, embed
        self._selection = selection_subsets(units, seed, spec.request.robustness.selection_samples)

    @property
    def selection(self) -> int:
        """Returns how many runs choose the job's output."""
        return len(self._selection)

    def __call__(self, stream: Stream, index: int) -> Condition:
        """Returns the condition of one run. Each text is embedded alone, so no batch can change its numbers."""
        if stream == Stream.SELECTION:
            kept = self._selection[index]
        else:
            kept = certification_runs(self._units, self._seed).kept[index]
        return self._embed(self._texts.text(kept.tolist()))

    def words(self, index: int) -> RunWords:
        """Returns that the run's text is not kept: it says again what the request says, and which units it keeps
        follows from the certificate."""
        del index
        return RunWords(text=None, writable=True)
