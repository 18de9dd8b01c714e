"""Whether the tasks of a plan can be asked at all: checked before the first of them runs.

What only the model can tell, such as whether it offers a mechanism, is told when its task is reached.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from smoothgen.contracts import Robustness, read_parameters
from smoothgen.contracts.parameters import MODALITIES
from smoothgen.errors import InvalidInput, UnknownName
from smoothgen.studies.answer import request_of
from smoothgen.studies.store import Task

KINDS: Final = ("certificates", "baselines", "attacks", "planted faults", "fidelity")
OVER_ALL_PROMPTS: Final = ("planted faults", "fidelity")

Check = Callable[[Task], object]
"""Raises pydantic.ValidationError or InvalidInput for a task whose options are none of its kind."""


class CertificateOptions(BaseModel):
    """Options of kind "certificates". baselines: whether others are compared. output: as in POST /generate."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    baselines: bool = False
    output: str | None = None


class BaselineOptions(BaseModel):
    """Options of kind "baselines". metrics: as requests spell them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    metrics: tuple[Any, ...] = Field(min_length=1)


def _certificates(task: Task) -> None:
    CertificateOptions.model_validate(task.settings["options"])
    request_of(task)


def _baselines(task: Task) -> None:
    for metric in BaselineOptions.model_validate(task.settings["options"]).metrics:
        Robustness.model_validate({**task.settings["robustness"], "metric": metric})


_OURS: Final[Mapping[str, Check]] = MappingProxyType({"certificates": _certificates, "baselines": _baselines})


def check_tasks(tasks: Iterable[Task], others: Mapping[str, Check] = MappingProxyType({})) -> None:
    """Raises InvalidInput for the first task that cannot be asked: kind, `per_prompt`, `parameters`, `robustness` or
    `options`. The message names study, setting, model, field and value.

    others: checks of the options of kinds that this library does not run itself.
    """
    for task in tasks:
        where = f"study {task.study!r}, setting {task.setting!r}, model {task.model!r}"
        if task.kind not in KINDS:
            raise UnknownName(f"kind of task ({where})", task.kind, KINDS, field="kind")
        if (task.prompt is None) != (task.kind in OVER_ALL_PROMPTS):
            needed = "false" if task.kind in OVER_ALL_PROMPTS else "true"
            raise InvalidInput(f"{where}: kind {task.kind!r} needs per_prompt = {needed}", field="per_prompt")
        try:
            Robustness.model_validate(task.settings["robustness"])
            _check_parameters(task.settings["parameters"])
            for checks in (_OURS, others):
                if task.kind in checks:
                    checks[task.kind](task)
        except ValidationError as error:
            raise InvalidInput(f"{where}: {_told(error)}", field="plan") from error


def _check_parameters(given: Mapping[str, Any]) -> None:
    """Raises the ValidationError with the fewest faults where the parameters are those of no modality."""
    failed: list[ValidationError] = []
    for modality in MODALITIES:
        try:
            read_parameters(modality, given)
        except ValidationError as error:
            failed.append(error)
        else:
            return
    raise min(failed, key=lambda error: error.error_count())


def _told(error: ValidationError) -> str:
    first: Any = error.errors()[0]
    place: Sequence[int | str] = first["loc"]
    return f"{error.title}: {'.'.join(map(str, place))}: {first['msg']} (got {first['input']!r:.80})"
