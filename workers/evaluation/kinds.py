"""The kinds of tasks that run in this process, by the names that plans use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from smoothgen.errors import UnknownName
from smoothgen.studies.checked import Check
from smoothgen.studies.rows import Row
from smoothgen.studies.store import Task
from workers.evaluation.room import Room

Kind = Callable[[Room, Task], list[Row]]
"""Runs one task. Raises SmoothGenError for one that cannot be run: the next sitting tries it again."""


def _certificates(room: Room, task: Task) -> list[Row]:
    from workers.evaluation.certificates import certificates

    return certificates(room, task)


def _baselines(room: Room, task: Task) -> list[Row]:
    from workers.evaluation.baselines import baseline_rows

    return [*baseline_rows(room.model_of(task), task, batch_size=room.settings.batch_size)]


def _attacks(room: Room, task: Task) -> list[Row]:
    from workers.evaluation.attacks.task import run

    loaded = room.model_of(task)
    flat = {"batch_size": room.settings.batch_size, **_attack_settings(task)}
    return [*run(task.model_copy(update={"settings": flat}), loaded)]


def _planted_faults(room: Room, task: Task) -> list[Row]:
    from workers.evaluation.faults.task import run

    flat = {"batch_size": room.settings.batch_size, **_fault_settings(task)}
    return [*run(task.model_copy(update={"settings": flat}), room.model_of(task))]


def _fidelity(room: Room, task: Task) -> list[Row]:
    from workers.evaluation.fidelity.task import fidelity

    return fidelity(room, task)


KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        "certificates": _certificates,
        "baselines": _baselines,
        "attacks": _attacks,
        "planted faults": _planted_faults,
        "fidelity": _fidelity,
    }
)
"""Each imports its code when a task first needs it."""


def _attack_settings(task: Task) -> dict[str, Any]:
    given = {name: value for name, value in task.settings.items() if name not in ("options", "source")}
    return {**given, **task.settings["options"]}


def _fault_settings(task: Task) -> dict[str, Any]:
    given = {name: task.settings[name] for name in ("prompts", "parameters", "seed") if name in task.settings}
    return {**given, **task.settings["options"]}


def _check_attacks(task: Task) -> object:
    from workers.evaluation.attacks.settings import AttackSettings

    return AttackSettings.model_validate(_attack_settings(task))


def _check_faults(task: Task) -> object:
    from workers.evaluation.faults.task import FaultSettings

    return FaultSettings.model_validate(_fault_settings(task))


def _check_fidelity(task: Task) -> object:
    from workers.evaluation.fidelity.drawn import Options

    return Options.of(task)


CHECKS: Final[Mapping[str, Check]] = MappingProxyType(
    {"attacks": _check_attacks, "planted faults": _check_faults, "fidelity": _check_fidelity}
)
"""Whether a plan's options are those of the kind, told before anything runs."""


def kind_of(task: Task) -> Kind:
    """Returns the code of a task's kind. Raises UnknownName."""
    if task.kind not in KINDS:
        raise UnknownName("kind of task", task.kind, sorted(KINDS), field="kind")
    return KINDS[task.kind]
