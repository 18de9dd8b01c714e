"""The runs of a job of mechanism edits: which texts of the set they are of, and the model's condition of each.

Run k is of the k-th text of the set where all of it is run; else of the k-th of the texts that were drawn, each once
however often it was drawn.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from smoothgen.certificates.edits import drawn_indices
from smoothgen.contracts import Edits, JobSpec, ListedEdits, RunWords, cut
from smoothgen.edits import EditSet
from smoothgen.errors import GenerationFailed, InvalidInput, InvalidParameters
from smoothgen.noise import Seed, Stream
from workers.generators import Condition
from workers.jobs.sampling import seed_of

_KEPT_CHARACTERS: Final = 1 << 24
"""Characters of texts that are kept of the jobs met last: a set of two edits at once takes seconds to list."""


@dataclass(frozen=True)
class PlannedRuns:
    """Which texts are run, and which run each draw rests on.

    texts: the number of each run's text in the set, shape (runs,). of_draws: the run of each draw, shape (draws,); None
    where all of the set is run.
    """

    texts: NDArray[np.int64]
    of_draws: NDArray[np.int64] | None


def planned_runs(seed: Seed, listed: ListedEdits) -> PlannedRuns:
    """Returns the runs of a job, a function of its seed and of the size of its set."""
    if listed.draws is None:
        return PlannedRuns(np.arange(listed.size), None)
    drawn = drawn_indices(seed, listed.size, listed.draws)
    texts, first, places = np.unique(drawn, return_index=True, return_inverse=True)
    in_turn = np.argsort(first)  # so that the runs so far are those of the draws so far
    rank = np.empty_like(in_turn)
    rank[in_turn] = np.arange(len(in_turn))
    return PlannedRuns(texts[in_turn], rank[places])


def listed_edits(spec: JobSpec) -> ListedEdits:
    """Returns the set of a job's prompt. Raises InvalidInput for one that is empty or larger than can be listed."""
    return _listed(spec)[0]


class EditRuns:
    """The conditions and the words of a job's runs, by index."""

    def __init__(self, spec: JobSpec, listed: ListedEdits, embed: Callable[[str], Condition]) -> None:
        """listed: by the job's selection. embed: gives a text its condition; where it raises, the run counts as failed.

        Raises GenerationFailed where the set is another one here.
        """
        here, self._texts = _listed(spec)
        if here != listed:
            raise GenerationFailed(
                f"the job's set of edits is {listed.edit_set['digest']}, and this worker lists "
                f"{here.edit_set['digest']}: send it again when all workers of the model are of one version"
            )
        self._embed = embed

    def __call__(self, stream: Stream, index: int) -> Condition:
        """Returns the condition of one run. Each text is embedded alone, so no batch can change its numbers."""
        del stream  # a run belongs to no stream of noise
        return self._embed(self._texts[index])

    def words(self, index: int) -> RunWords:
        """Returns the text of one run, cut to what is kept of it."""
        return RunWords(text=cut(self._texts[index]), writable=True)


_Listed = tuple[ListedEdits, tuple[str, ...]]


class _Kept:
    """The sets listed last, each with the texts of its job's runs. For one thread at a time."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[object, ...], _Listed] = OrderedDict()

    def get(self, key: tuple[object, ...], make: Callable[[], _Listed]) -> _Listed:
        """Returns what was made for the key, making it where it is not kept."""
        if key not in self._kept:
            self._kept[key] = make()
        self._kept.move_to_end(key)
        while len(self._kept) > 1 and self._characters() > _KEPT_CHARACTERS:
            self._kept.popitem(last=False)
        return self._kept[key]

    def _characters(self) -> int:
        return sum(len(text) for _, texts in self._kept.values() for text in texts)


_KEPT: Final = _Kept()


def _listed(spec: JobSpec) -> _Listed:
    """Returns the set, and the text of every run."""
    robustness = spec.request.robustness
    asked, most, seed = robustness.edits or Edits(), robustness.samples, seed_of(spec)
    key = (spec.request.prompt, *asked.kinds, asked.at_once, *asked.variants, most, seed)

    def make() -> _Listed:
        edits = EditSet(
            spec.request.prompt, kinds=tuple(asked.kinds), at_once=asked.at_once, variants=tuple(asked.variants)
        )
        try:
            size = edits.size
        except InvalidInput as error:
            field = f"robustness.edits.{error.field}" if error.field else "robustness.edits"
            raise InvalidParameters(str(error), field=field) from error
        listed = ListedEdits(
            edit_set=edits.identity.to_dict(),
            size=size,
            singles=edits.singles,
            draws=None if size <= most else most,
        )
        runs = planned_runs(seed, listed).texts
        texts = edits.texts
        return listed, tuple(texts[number] for number in runs.tolist())

    return _KEPT.get(key, make)
