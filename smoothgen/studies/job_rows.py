"""All rows of one job: our certificate, the baselines on its samples, and what it took."""

from __future__ import annotations

from smoothgen.studies.answer import Answer, Asked
from smoothgen.studies.baseline_rows import baseline_rows
from smoothgen.studies.own_rows import own_rows
from smoothgen.studies.rows import CostRow, Row
from smoothgen.studies.store import Task


def job_rows(task: Task, asked: Asked, answer: Answer) -> list[Row]:
    """Returns the rows of a task of kind "certificates"."""
    rows: list[Row] = list(own_rows(task, asked, answer))
    if answer.compared is not None:
        rows += baseline_rows(task, asked, answer.compared)
    cost = CostRow(
        study=task.study,
        model=task.model,
        setting=task.setting,
        prompt=task.prompt or "",
        seconds=answer.seconds,
        plain_seconds=answer.plain_seconds,
        samples=answer.generated,
        passes=answer.passes,
    )
    return [*rows, cost]


def wants_baselines(task: Task) -> bool:
    """Returns whether the plan asks for baselines on the samples of this task."""
    return bool(task.settings["options"].get("baselines"))
