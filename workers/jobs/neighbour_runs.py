"""Running a model on other prompts than a job's own, and noting what each run read and said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from smoothgen.contracts import MOST_ROWS_WITH_WORDS, TOKENS, JobSpec, ListedNeighbours, RunWords, Selection, cut
from smoothgen.errors import InvalidParameters
from smoothgen.noise import Stream
from workers.generators import Condition, Failure, Generator, Made, Text, TokenSnap
from workers.jobs.edit_runs import EditRuns
from workers.jobs.sampling import embedder_of


@runtime_checkable
class PromptRuns(Protocol):
    """The other prompts that a job runs the model on, by the index of the run."""

    def __call__(self, stream: Stream, index: int) -> Condition:
        """Returns the condition of one run."""
        ...

    def words(self, index: int) -> RunWords:
        """Returns the text that one run reads."""
        ...


class NeighbourRuns:
    """The conditions of a job's runs, by index: run k reads the k-th sequence of the job's list."""

    def __init__(self, generator: TokenSnap, condition: Condition, listed: ListedNeighbours) -> None:
        """condition: of the prompt itself."""
        self._generator, self._condition = generator, condition
        self._changes = listed.change_lists

    def __call__(self, stream: Stream, index: int) -> Condition:
        """Returns the condition of one run."""
        del stream  # a run belongs to no stream of noise
        return self._generator.changed(self._condition, self._changes[index])

    def words(self, index: int) -> RunWords:
        """Returns the text of one run's tokens, cut to what is kept of it."""
        return self._generator.words(self(Stream.CERTIFICATION, index))


def snap_of(generator: Generator) -> TokenSnap:
    """Returns the generator as one that snaps prompts. Raises InvalidParameters where it does not."""
    if isinstance(generator, TokenSnap):
        return generator
    raise InvalidParameters(
        f"model {generator.identity.name!r} does not read its prompt as tokens, so mechanism {TOKENS!r} is not offered",
        field="robustness.mechanism",
    )


def neighbours_of(spec: JobSpec, generator: Generator, condition: Condition) -> ListedNeighbours | None:
    """Returns the sequences a job runs, None for a job of another mechanism than tokens. Raises UnusableTable."""
    if spec.mechanism != TOKENS:
        return None
    return snap_of(generator).listed(condition, spec.request.robustness.samples)


def condition_of_runs(
    spec: JobSpec, generator: Generator, condition: Condition, selection: Selection | None
) -> Condition:
    """Returns the condition of a job's chunks: that of its prompt, and without noise that of every run.

    Raises GenerationFailed where a set of edits is another one than the selection's.
    """
    runs: PromptRuns | None = None
    if selection is not None and selection.neighbours is not None:
        runs = NeighbourRuns(snap_of(generator), condition, selection.neighbours)
    if selection is not None and selection.edits is not None:
        runs = EditRuns(spec, selection.edits, partial(embedder_of(spec, generator), condition.template))
    return condition if runs is None else replace(condition, of_sample=runs)


def with_equal_outputs_at_0(
    spec: JobSpec, distances: NDArray[np.float64], outputs: Sequence[Made | Failure], selection: Selection
) -> NDArray[np.float64]:
    """Returns the distances with 0 where a run gave the very bytes of the prompt's own output: features that are
    computed in batches may differ in their last bits. Where distances are from a centre they are returned as they
    are."""
    if spec.units is not None:
        return distances
    equal = [
        not isinstance(output, Failure) and output.output(certified=False).digest == selection.output.digest
        for output in outputs
    ]
    return np.where(equal, 0.0, distances)


def words_of(condition: Condition, indices: Sequence[int], outputs: Sequence[Made | Failure]) -> list[RunWords]:
    """Returns what each run read and said, for the first runs of a job. condition: of the job's chunks."""
    runs, found = condition.of_sample, list[RunWords]()
    for index, output in zip(indices, outputs, strict=True):
        if not isinstance(runs, PromptRuns) or index >= MOST_ROWS_WITH_WORDS:
            break
        said = cut(output.text) if isinstance(output, Text) else None
        found.append(runs.words(index).model_copy(update={"output": said}))
    return found
