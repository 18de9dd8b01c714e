"""Calls that say who is alive, and which models and builds there are.

Every time is Redis's own. A full Redis takes every one of these calls: a worker that could not say that it lives would
be taken for dead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from smoothgen.queue.keys import Key
from smoothgen.queue.scripts.script import Script, ScriptCall


@dataclass(frozen=True, kw_only=True)
class Publish(ScriptCall):
    """Publishes the cards of models. published: the JSON of each card, by the model's id."""

    script: ClassVar = Script("publish")
    cards: Key
    published: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Prepare(ScriptCall):
    """Makes sure that the streams of a build and their groups exist. builds: the key of the model's known builds."""

    script: ClassVar = Script("prepare")
    builds: Key
    streams: Sequence[Key]
    group: str
    build: str


@dataclass(frozen=True, kw_only=True)
class Announce(ScriptCall):
    """Says that a worker of a model lives for ttl_s seconds from now. rate: samples a second, None if not measured."""

    script: ClassVar = Script("announce")
    workers: Key
    rates: Key
    served: Key
    worker: str
    rate: float | None
    build: str
    ttl_s: int


@dataclass(frozen=True, kw_only=True)
class Dismiss(ScriptCall):
    """Forgets a worker and its empty consumers.

    gone_s: forget the worker only if it has counted as gone for so long; None where it says goodbye itself. streams:
    those of the model's selections; prefixes: for each of them, what the streams of the same priority of one build
    begin with.
    """

    script: ClassVar = Script("dismiss")
    workers: Key
    rates: Key
    served: Key
    streams: Sequence[Key]
    group: str
    worker: str
    gone_s: int | None
    prefixes: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Present(ScriptCall):
    """Reads the live workers of a model."""

    script: ClassVar = Script("present")
    workers: Key
    rates: Key
    served: Key


@dataclass(frozen=True, kw_only=True)
class Forget(ScriptCall):
    """Forgets a build that nobody serves any more, unless work of it waits in its streams."""

    script: ClassVar = Script("forget")
    builds: Key
    streams: Sequence[Key]
    build: str
