"""What travels through the queue: work items, how a look is cut into them, and what comes of them."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from smoothgen.contracts import (
    NOISY_OUTPUTS,
    RUN_WORDS,
    ImageParameters,
    JobSpec,
    NoisyOutput,
    RunWords,
    Selection,
    TextParameters,
)
from smoothgen.queue import keys

Record = TypeVar("Record")
_KEPT: Final = 256
"""How many records of each kind are kept parsed."""
_LONGEST_KEPT: Final = 65_536
"""Characters of the longest record that is kept parsed: one with a seed image has megabytes."""


def _remembering(parse: Callable[[str], Record]) -> Callable[[str], Record]:
    """Returns a parser that remembers what it last made of short records: the chunks of a job come again and again."""
    recent = lru_cache(_KEPT)(parse)
    return lambda text: recent(text) if len(text) <= _LONGEST_KEPT else parse(text)


read_spec = _remembering(JobSpec.model_validate_json)
"""Reads a job's specification. Raises pydantic.ValidationError."""
read_selection = _remembering(Selection.model_validate_json)
"""Reads what a job's selection fixed. Raises pydantic.ValidationError."""


@dataclass(frozen=True)
class Place:
    """Where a work item lies: its stream, and its entry in the stream."""

    stream: keys.Key
    entry: str


@dataclass(frozen=True)
class Claim:
    """A work item that this worker holds: a job's selection, or the chunk of its certification samples first …
    first+count−1.

    selection: what the job's selection fixed, None where the work item is the selection. deliveries: how often a worker
    took the work item, this time included. build: this worker's of the model. attempt: how often the job has started
    over. batch_limit: the most samples of a fixed batch of the job, where memory was too short for more. windows: those
    of the fleet that count the job. traceparent: the span under which those of the work item hang, None: not traced.
    """

    model: str
    stream: keys.Key
    entry: str
    spec: JobSpec
    selection: Selection | None
    first: int
    count: int
    deliveries: int
    build: str = ""
    attempt: int = 0
    batch_limit: int | None = None
    windows: tuple[str, ...] = ()
    traceparent: str | None = None

    @property
    def posted_ms(self) -> int:
        """Returns when the work item came into its stream, in Unix milliseconds by Redis's clock; it may have waited
        outside of it before, for its tenant's turn."""
        return int(self.entry.partition("-")[0])

    @property
    def place(self) -> Place:
        """Returns where the work item lies."""
        return Place(self.stream, self.entry)

    @property
    def chunks(self) -> keys.Key:
        """Returns the stream of the chunks of the work item's job."""
        return keys.work(self.model, self.spec.request.priority, self.build)

    @property
    def is_selection(self) -> bool:
        """Returns whether the work item is the job's selection."""
        return self.first < 0


@dataclass(frozen=True)
class Pace:
    """How a look is cut up. chunk: samples a chunk. window: how many chunks of a job wait or run at once."""

    chunk: int
    window: int


@dataclass(frozen=True)
class CompleteLook:
    """All distances of a look, by sample index (NaN where the sample failed).

    device_s: seconds of compute so far. failure: why the last sample that failed did, '' if none failed. words: what
    the runs read and said, from the first one on as far as it is kept; empty where the job keeps none. scores: shape
    (samples, K), a column for each claim on a score (NaN as for distances), None where the job has no such claim.
    """

    distances: NDArray[np.float64]
    device_s: float
    failure: str
    words: tuple[RunWords, ...] = ()
    scores: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class Overdue:
    """A job whose deadline has passed.

    selection, look: what its selection fixed and the distances it has, None where the job has not come so far.
    """

    spec: JobSpec
    selection: Selection | None
    look: CompleteLook | None
    attempt: int


def asked_of(spec: JobSpec) -> str | None:
    """Returns what is kept of a request beside its certificate, None for the whole spec: a seed image is left out, and
    embeddings in the prompt's place are named only."""
    if isinstance(spec.parameters, TextParameters) and spec.parameters.prompt_embeds is not None:
        return spec.model_copy(update={"parameters": spec.parameters.named()}).model_dump_json()
    if not isinstance(spec.parameters, ImageParameters) or spec.parameters.image is None:
        return None
    parameters = spec.parameters.model_copy(update={"image": None, "strength": None})
    request = spec.request.model_copy(update={"parameters": {}})
    return spec.model_copy(update={"parameters": parameters, "request": request}).model_dump_json()


def windows_of_bins(fleet: str) -> tuple[str, ...]:
    """Returns the windows of the bins that a job has a place in. fleet: "key place key place …", as SUBMIT writes."""
    return tuple(keys.window_of_bins(bins) for bins in fleet.split()[::2])


def in_turn(stored: Mapping[str, str]) -> list[str]:
    """Returns the names and values of a hash in turn, as a script answers with them."""
    return [text for item in stored.items() for text in item]


def packed_rows(distances: NDArray[np.float64], scores: NDArray[np.float64] | None) -> str:
    """Returns what was measured of a chunk as base64 of little-endian doubles, row by row: of each sample its distance,
    then its scores.

    distances: shape (samples,). scores: shape (samples, K), None for no claims on scores: a row is then one number.
    """
    rows = distances if scores is None else np.column_stack([distances, scores])
    return base64.b64encode(rows.astype("<f8").tobytes()).decode("ascii")


def packed_outputs(noisy_outputs: Sequence[NoisyOutput] | None) -> str | None:
    """Returns noisy samples as JSON, None where there are none to keep."""
    if not noisy_outputs:
        return None
    return NOISY_OUTPUTS.dump_json(list(noisy_outputs), exclude_none=True).decode()


def joined_chunks(flat: Sequence[str], samples: int | None = None, *, scores: int = 0) -> NDArray[np.float64]:
    """Returns the rows of the chunks that follow one another from index 0 on, at most `samples`: a hole ends them.

    flat: first index, packed rows, first index, packed rows, … scores: K, how many scores follow the distance in a row.
    The shape is (samples, 1 + K).
    """
    chunks = {int(first): base64.b64decode(packed) for first, packed in zip(flat[::2], flat[1::2], strict=True)}
    whole, reached = [np.zeros((0, 1 + scores))], 0
    while reached in chunks:
        whole.append(np.frombuffer(chunks[reached], dtype="<f8").reshape(-1, 1 + scores))
        reached += len(whole[-1])
    return np.concatenate(whole)[:samples]


def split_rows(rows: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """Returns the distances and the scores of `joined_chunks`, shapes (samples,) and (samples, K); None for K = 0."""
    return rows[:, 0], rows[:, 1:] if rows.shape[1] > 1 else None


def joined_words(flat: Sequence[str], samples: int | None = None) -> tuple[RunWords, ...]:
    """Returns the words of the chunks that follow one another from index 0 on, of at most `samples` runs; a hole ends
    them.

    flat: first index, words as JSON, first index, words as JSON, …
    """
    chunks, joined = dict(zip(map(int, flat[::2]), flat[1::2], strict=True)), list[RunWords]()
    while (here := chunks.pop(len(joined), None)) is not None:
        joined += RUN_WORDS.validate_json(here)
    return tuple(joined[:samples])
