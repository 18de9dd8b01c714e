"""Calls that give out work items and store what comes of them.

A work item is the selection of a job, or a chunk of its certification samples. It is an entry of a stream: `stream` and
`entry` name it, and `group` is the consumer group of the workers. `attempt` counts how often the job has started over:
what comes of an earlier attempt changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from smoothgen.queue.keys import Key
from smoothgen.queue.scripts.script import Script, ScriptCall


@dataclass(frozen=True)
class HeldItem:
    """A work item that the worker already holds. place: the number of its stream, counted from 1."""

    place: int
    entry: str
    job: str
    first: str
    count: str
    attempt: str


@dataclass(frozen=True)
class TakenItem:
    """A work item that TAKE answers with. place: the number of its stream, counted from 1.

    spec, opening: the JSON of the job's specification and of what its selection fixed, '' before that. batch_limit: ''
    where there is none. fleet: the bins the job has a place in.
    """

    place: int
    entry: str
    job_id: str
    first: int
    count: int
    deliveries: int
    spec: str
    opening: str
    attempt: str
    batch_limit: str
    fleet: str


@dataclass(frozen=True)
class RunningJob:
    """A job in hand. drawn: samples of its selection that are drawn, −1 where it is not in its selection."""

    job: Key
    attempt: int
    drawn: int


@dataclass(frozen=True, kw_only=True)
class Take(ScriptCall):
    """Takes work items of one model until `samples` or `items` are reached.

    builds: the key of the model's known builds. streams: those of the model in the order they are to be served;
    prefixes: for each of them, what the streams of the same priority of one build begin with. suspect_from: the
    delivery from which on a work item is taken alone. jobs: what the keys of the model's jobs begin with. build: the
    worker's own. held: what the worker already holds.
    """

    script: ClassVar = Script("take")
    builds: Key
    streams: Sequence[Key]
    group: str
    worker: str
    samples: int
    items: int
    lease_ms: int
    suspect_from: int
    jobs: str
    build: str
    prefixes: Sequence[str]
    held: Sequence[HeldItem]


@dataclass(frozen=True, kw_only=True)
class Open(ScriptCall):
    """Stores what a selection fixed, and posts the first chunks.

    samples: the key of the contact sheet; sheet: base64, None where there is none. chunks: the stream of the job's
    chunks; window: how many of them are posted. generations: samples drawn, which are no longer owed. fields: of the
    job's record.
    """

    script: ClassVar = Script("open")
    job: Key
    stream: Key
    backlog: Key
    accounts: Key
    samples: Key
    chunks: Key
    group: str
    entry: str
    job_id: str
    generations: int
    window: int
    sheet: str | None
    attempt: int
    fields: Mapping[str, str | int | float]


@dataclass(frozen=True, kw_only=True)
class Store(ScriptCall):
    """Stores the distances of the samples first … first+count−1 once.

    runs, pictures: the keys of words and pictures. packed: of each sample its distance and its scores, base64 of
    little-endian doubles. words: the JSON of what the runs read and said, None where that is not kept. kept: base64
    of a small picture of each run that has one, by the index of the run. failure: why the last failed sample did, '' if
    none failed.
    """

    script: ClassVar = Script("store")
    job: Key
    stream: Key
    backlog: Key
    accounts: Key
    distances: Key
    runs: Key
    pictures: Key
    chunks: Key
    group: str
    entry: str
    job_id: str
    first: int
    count: int
    packed: str
    words: str | None
    device_s: float
    failure: str
    attempt: int
    kept: Mapping[int, str]


@dataclass(frozen=True, kw_only=True)
class Advance(ScriptCall):
    """Goes on from the look of `look` samples to the look of `following`, in chunks of `chunk`, `window` at once.

    radius, w1_bound: what is proven so far.
    """

    script: ClassVar = Script("advance")
    job: Key
    stream: Key
    chunks: Key
    group: str
    entry: str
    job_id: str
    look: int
    following: int
    chunk: int
    window: int
    radius: float
    w1_bound: float
    attempt: int


@dataclass(frozen=True, kw_only=True)
class Pulse(ScriptCall):
    """Says that jobs run, and asks which of them have ended meanwhile."""

    script: ClassVar = Script("pulse")
    jobs: Sequence[RunningJob]


@dataclass(frozen=True, kw_only=True)
class Restart(ScriptCall):
    """Starts a job over from its selection.

    openings: the stream of the selections of its model and priority; runs, pictures, samples: the keys of its runs'
    words and pictures, and of its contact sheet.
    most_restarts: how often it may start over for want of a worker. batch_limit: what its fixed batches must not exceed
    from now on; None where it starts over for want of a worker.
    """

    script: ClassVar = Script("restart")
    job: Key
    stream: Key
    openings: Key
    backlog: Key
    accounts: Key
    distances: Key
    runs: Key
    pictures: Key
    samples: Key
    group: str
    entry: str
    job_id: str
    attempt: int
    samples_to_draw: int
    most_restarts: int
    batch_limit: int | None


@dataclass(frozen=True, kw_only=True)
class Void(ScriptCall):
    """Drops a work item of a job that is gone."""

    script: ClassVar = Script("void")
    stream: Key
    group: str
    entry: str
