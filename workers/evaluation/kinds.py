"""The kinds of tasks that run in this process, by the names that plans use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Final, cast

from smoothgen.errors import UnknownName
from smoothgen.studies.rows import Row
from smoothgen.studies.store import Task
from workers.evaluation.room import Room

Kind = Callable[[Room, Task], list[Row]]
"""Runs one task. Raises SmoothGenError for one that cannot be run: the next sitting tries it again."""

KINDS: Final[Mapping[str, str]] = MappingProxyType({"certificates": "workers.evaluation.certificates:certificates"})
"""Where the code of each kind is, as module:function: a kind is imported when a task first needs it."""


def kind_of(task: Task) -> Kind:
    """Returns the code of a task's kind. Raises UnknownName."""
    if task.kind not in KINDS:
        raise UnknownName("kind of task", task.kind, sorted(KINDS), field="kind")
    module, _, function = KINDS[task.kind].partition(":")
    return cast(Kind, getattr(import_module(module), function))
