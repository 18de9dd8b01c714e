"""Calls that write nothing of use: they show whether Redis takes writes, and whether its replicas confirm them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from smoothgen.queue.keys import Key
from smoothgen.queue.scripts.script import Script, ScriptCall


@dataclass(frozen=True, kw_only=True)
class Barrier(ScriptCall):
    """Writes something that says nothing. A WAIT behind it waits for everything that was written before by anyone.

    WAIT looks back to the last write of its own connection, and some calls write nothing: a job that is submitted
    again, an outcome that is only read. So a barrier goes before every WAIT.
    """

    script: ClassVar = Script("barrier", replicated=True)
    probe: Key


@dataclass(frozen=True, kw_only=True)
class Probe(ScriptCall):
    """Writes something that a Redis refuses which is full, or a replica, or may not write its data down."""

    script: ClassVar = Script("probe", replicated=True)
    probe: Key
