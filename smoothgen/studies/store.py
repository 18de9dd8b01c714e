"""The folder of a study: one file a finished task, so that a study that was stopped goes on with what is missing."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from smoothgen.errors import InvalidInput
from smoothgen.studies.rows import Provenance, Row

SCHEMA = "smoothgen-evaluation/v1"


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


class Store:
    """Finished tasks in `folder/tasks`, and the certificates of those that have one in `folder/certificates`.

    A file is there whole or not at all, whenever the process is killed.
    """

    def __init__(self, folder: Path) -> None:
        self.tasks = folder / "tasks"
        self.tasks.mkdir(parents=True, exist_ok=True)
        self.certificates = folder / "certificates"

    def has(self, task: Task) -> bool:
        """Returns whether this very task is finished."""
        return self._file(task).exists()

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
            try:
                yield Finished.model_validate_json(file.read_bytes())
            except ValidationError as error:
                raise InvalidInput(
                    f"{file} is no finished task of an evaluation ({error.error_count()} errors, first: "
                    f"{error.errors()[0]['msg']}); delete it to have the task run again",
                    field="folder",
                ) from error

    def _file(self, task: Task) -> Path:
        return self.tasks / f"{task.key}.json"


def _write(file: Path, text: str) -> None:
    part = file.with_suffix(f".{os.getpid()}.part")
    part.write_text(text + "\n", encoding="utf-8")
    part.replace(file)
