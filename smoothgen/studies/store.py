"""The folder of a study: one file a finished task, so that a study that was stopped goes on with what is missing."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from smoothgen.errors import InvalidInput
from smoothgen.studies.rows import Provenance, Row

SCHEMA = "smoothgen-evaluation/v1"
PLAN = "plan.json"


class Task(BaseModel):
    """One piece of a study that is done or not done: all that decides its rows, and nothing else.

    kind: which code runs it, such as "certificates" or "attacks". study, model, setting: as its rows state them.
    prompt: None for tasks over all prompts. settings: everything else, JSON values.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str
    study: str
    model: str
    setting: str
    prompt: str | None = None
    settings: dict[str, Any]

    @property
    def key(self) -> str:
        """Returns the task's name in the folder: 20 hexadecimal digits of its content's SHA-256."""
        content = json.dumps(self.model_dump(), sort_keys=True, ensure_ascii=False, allow_nan=False)
        return hashlib.sha256(content.encode()).hexdigest()[:20]


class Finished(BaseModel):
    """A finished task, as its file states it. The rows carry every number, `provenance` where they come from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: str = SCHEMA
    task: Task
    provenance: Provenance
    rows: tuple[Row, ...]

    @property
    def weights(self) -> str | None:
        """Returns the digest of the task's model as it ran, None where the file does not state it."""
        return self.provenance.weights.get(self.task.model)


class PlannedKeys(BaseModel):
    """What a folder was last filled by: the plan's name, and the keys of all its tasks, chosen or not."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    tasks: tuple[str, ...]


class Store:
    """Finished tasks in `folder/tasks`, the certificates of those that have one in `folder/certificates`, and in
    `folder/plan.json` which tasks the last plan has.

    A file is there whole or not at all, whenever the process is killed.
    """

    def __init__(self, folder: Path) -> None:
        self.plan = folder / PLAN
        self.tasks = folder / "tasks"
        self.tasks.mkdir(parents=True, exist_ok=True)
        self.certificates = folder / "certificates"

    def get(self, task: Task) -> Finished | None:
        """Returns this very task as it was finished, None where it is not. Raises InvalidInput for a bad file."""
        file = self._file(task)
        return _read(file) if file.exists() else None

    def left(self, tasks: Iterable[Task]) -> list[Task]:
        """Returns those of these tasks that are not finished."""
        return [task for task in tasks if not self._file(task).exists()]

    def keep_plan(self, name: str, tasks: Iterable[Task]) -> None:
        """Writes which tasks the plan has: `judged` returns no others. Name and tasks are those of the whole plan."""
        _write(self.plan, PlannedKeys(name=name, tasks=tuple(task.key for task in tasks)).model_dump_json(indent=1))

    def judged(self) -> list[Finished]:
        """Returns the finished tasks of the plan that the folder was last filled by; all of them where no plan stands
        in it.

        Raises InvalidInput where tasks of one model ran on different weights, and for a file that cannot be read.
        """
        found = list(self)
        if self.plan.exists():
            keys = set(self._planned().tasks)
            found = [finished for finished in found if finished.task.key in keys]
        for model, digests in weights_of(found).items():
            if len(digests) > 1:
                raise InvalidInput(
                    f"{self.tasks} holds tasks of model {model!r} on different weights: {', '.join(digests)}; run the "
                    "plan again into this folder, which runs the tasks of other weights again, or use a folder for "
                    "each checkpoint",
                    field="folder",
                )
        return found

    def unfinished(self) -> int:
        """Returns how many tasks of the plan that the folder was last filled by are not finished, 0 without a plan.
        Raises InvalidInput as `judged` does for a bad plan."""
        if not self.plan.exists():
            return 0
        return sum(not (self.tasks / f"{key}.json").exists() for key in set(self._planned().tasks))

    def _planned(self) -> PlannedKeys:
        try:
            return PlannedKeys.model_validate_json(self.plan.read_bytes())
        except ValidationError as error:
            raise InvalidInput(
                f"{self.plan} does not list the tasks of a plan ({error.errors()[0]['msg']}); run the plan again, "
                "which writes it",
                field="folder",
            ) from error

    def add(self, finished: Finished) -> None:
        """Writes a finished task, in the place of an earlier run of the same task."""
        _write(self._file(finished.task), finished.model_dump_json(indent=1))

    def keep_certificate(self, task: Task, document: Mapping[str, Any]) -> Path:
        """Writes the certificate of a task as `certificates/KEY.json`, for `smoothgen verify`, and returns the file."""
        self.certificates.mkdir(exist_ok=True)
        file = self.certificates / f"{task.key}.json"
        _write(file, json.dumps(document, ensure_ascii=False, allow_nan=False))
        return file

    def __iter__(self) -> Iterator[Finished]:
        """Yields finished tasks in the order of their files' names. Raises InvalidInput for a file that is none."""
        for file in sorted(self.tasks.glob("*.json")):
            yield _read(file)

    def _file(self, task: Task) -> Path:
        return self.tasks / f"{task.key}.json"


def weights_of(finished: Iterable[Finished]) -> dict[str, list[str]]:
    """Returns the digests that tasks state of their model's weights, by model, both sorted. A model of which no task
    states one has none."""
    found: dict[str, set[str]] = {}
    for one in finished:
        of_model = found.setdefault(one.task.model, set())
        if one.weights is not None:
            of_model.add(one.weights)
    return {model: sorted(digests) for model, digests in sorted(found.items())}


def _read(file: Path) -> Finished:
    try:
        return Finished.model_validate_json(file.read_bytes())
    except ValidationError as error:
        raise InvalidInput(
            f"{file} is no finished task of an evaluation ({error.error_count()} errors, first: "
            f"{error.errors()[0]['msg']}); delete it to have the task run again",
            field="folder",
        ) from error


def _write(file: Path, text: str) -> None:
    part = file.with_suffix(f".{os.getpid()}.part")
    part.write_text(text + "\n", encoding="utf-8")
    part.replace(file)
