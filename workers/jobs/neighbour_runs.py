"""Running a model on the token sequences near a prompt, and noting what each read and said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from smoothgen.contracts import MOST_ROWS_WITH_WORDS, TOKENS, JobSpec, ListedNeighbours, RunWords, Selection, cut
from smoothgen.errors import InvalidParameters
from smoothgen.noise import Stream
from workers.generators import Condition, Failure, Generator, Made, Text, TokenSnap


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


def snap_of(generator: Generator) -> TokenSnap:
    """Returns the generator as one that snaps prompts. Raises InvalidParameters where it does not."""
    if isinstance(generator, TokenSnap):
        return generator
    raise InvalidParameters(
        f"model {generator.identity.name!r} does not read its prompt as tokens, so mechanism {TOKENS!r} is not offered",
        field="robustness.mechanism",
    )


def neighbours_of(spec: JobSpec, generator: Generator, condition: Condition) -> ListedNeighbours | None:
    """Returns the sequences a job runs, None for a job that draws noise. Raises UnusableTable."""
    if spec.mechanism != TOKENS:
        return None
    return snap_of(generator).listed(condition, spec.request.robustness.samples)


def condition_of_runs(generator: Generator, condition: Condition, selection: Selection | None) -> Condition:
    """Returns the condition of a job's chunks: that of its prompt, and for mechanism tokens that of every run."""
    if selection is None or selection.neighbours is None:
        return condition
    return replace(condition, of_sample=NeighbourRuns(snap_of(generator), condition, selection.neighbours))


def with_equal_outputs_at_0(
    distances: NDArray[np.float64], outputs: Sequence[Made | Failure], selection: Selection
) -> NDArray[np.float64]:
    """Returns the distances with 0 where a run gave the very bytes of the prompt's own output: features that are
    computed in batches may differ in their last bits."""
    equal = [
        not isinstance(output, Failure) and output.output(certified=False).digest == selection.output.digest
        for output in outputs
    ]
    return np.where(equal, 0.0, distances)


def words_of(
    generator: Generator, condition: Condition, indices: Sequence[int], outputs: Sequence[Made | Failure]
) -> list[RunWords]:
    """Returns what each run read and said, for the first runs of a job. condition: of the job's chunks."""
    snap, runs = snap_of(generator), condition.of_sample
    found = []
    for index, output in zip(indices, outputs, strict=True):
        if runs is None or index >= MOST_ROWS_WITH_WORDS:
            break
        said = cut(output.text) if isinstance(output, Text) else None
        found.append(snap.words(runs(Stream.CERTIFICATION, index)).model_copy(update={"output": said}))
    return found
