"""What travels through the queue: pieces of work, how a look is cut into them, and what comes of them."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from smoothgen.contracts import ImageParameters, JobSpec, Selection
from smoothgen.queue import keys

Record = TypeVar("Record")
_KEPT: Final = 256
_LONGEST_KEPT: Final = 65_536
"""Characters of the longest record that is kept parsed: one with a seed image has megabytes."""


def _remembering(parse: Callable[[str], Record]) -> Callable[[str], Record]:
    """The parser, with what it last made of short records at hand: a job's chunks come again and again."""
    recent = lru_cache(_KEPT)(parse)
    return lambda text: recent(text) if len(text) <= _LONGEST_KEPT else parse(text)


read_spec = _remembering(JobSpec.model_validate_json)
"""Reads a job's specification. Raises pydantic.ValidationError."""
read_opening = _remembering(Selection.model_validate_json)
"""Reads what a job's opening fixed. Raises pydantic.ValidationError."""


@dataclass(frozen=True)
class Place:
    """Where a work item lies: its stream, and its entry in it."""

    stream: keys.Key
    entry: str


@dataclass(frozen=True)
class Claim:
    """A piece of a job this worker holds: its opening, or the chunk of certification samples first … first+count−1.

    `deliveries` counts how often a worker took the piece, this time included; `build` is this worker's of the model;
    `attempt` counts how often the job has started over. `batch_limit`: what a fixed batch of the job may hold at most,
    where memory was too short for more; `windows`: those of the fleet it is counted in.
    """

    model: str
    stream: keys.Key
    entry: str
    spec: JobSpec
    opening: Selection | None
    first: int
    count: int
    deliveries: int
    build: str = ""
    attempt: int = 0
    batch_limit: int | None = None
    windows: tuple[str, ...] = ()

    @property
    def place(self) -> Place:
        """Where the work item lies."""
        return Place(self.stream, self.entry)

    @property
    def chunks(self) -> keys.Key:
        """The stream of the chunks of its job."""
        return keys.work(self.model, self.spec.request.priority, self.build)

    @property
    def opens(self) -> bool:
        """Whether this piece is the job's opening."""
        return self.first < 0


@dataclass(frozen=True)
class Pace:
    """How a look is cut up. `chunk`: samples a chunk; `window`: how many of them wait or run at once."""

    chunk: int
    window: int


@dataclass(frozen=True)
class CompleteLook:
    """All distances of a look, by sample index (NaN: failed), their cost so far, and why the last failed one did."""

    distances: NDArray[np.float64]
    device_s: float
    failure: str


@dataclass(frozen=True)
class Overdue:
    """A job whose deadline has passed: its opening and the distances it has, where it has got so far."""

    spec: JobSpec
    opening: Selection | None
    look: CompleteLook | None
    attempt: int


def asked_of(spec: JobSpec) -> str:
    """What is kept of a request beside its certificate, where that is less than its spec: not the seed image."""
    if not isinstance(spec.parameters, ImageParameters) or spec.parameters.image is None:
        return ""
    parameters = spec.parameters.model_copy(update={"image": None, "strength": None})
    request = spec.request.model_copy(update={"parameters": {}})
    return spec.model_copy(update={"parameters": parameters, "request": request}).model_dump_json()


def windows_of_bins(fleet: str) -> tuple[str, ...]:
    """The windows of the bins a job has a place in, as SUBMIT wrote them: "key place key place …"."""
    return tuple(keys.window_of_bins(bins) for bins in fleet.split()[::2])


def joined_chunks(flat: Sequence[str], samples: int | None = None) -> NDArray[np.float64]:
    """Distances of the chunks that follow one another from index 0 on, at most `samples`: a hole ends them."""
    chunks = {int(first): base64.b64decode(packed) for first, packed in zip(flat[::2], flat[1::2], strict=True)}
    whole, reached = [], 0
    while reached in chunks:
        whole.append(np.frombuffer(chunks[reached], dtype="<f8"))
        reached += len(whole[-1])
    distances: NDArray[np.float64] = np.concatenate(whole) if whole else np.zeros(0)
    return distances[:samples]
