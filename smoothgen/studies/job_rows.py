"""All rows of one job: our certificate, the baselines on its samples, and what it took."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from smoothgen.certificates import Lipschitz
from smoothgen.evaluation import Samples
from smoothgen.studies.answer import Answer, Asked
from smoothgen.studies.methods import rows_of
from smoothgen.studies.own_rows import own_rows
from smoothgen.studies.rows import CertificateRow, CostRow, Row
from smoothgen.studies.store import Task

CHECK: Final = "check: ideal noise"
"""The study of our own certificate by the comparison's code, under ideal noise. It differs from the job's by the slack
for rounding and by how finely the centre is kept, and shows that both are made from the same samples."""


def job_rows(task: Task, asked: Asked, answer: Answer) -> list[Row]:
    """Returns the rows of a task of kind "certificates"."""
    rows: list[Row] = list(own_rows(task, asked, answer))
    if answer.compared is not None:
        rows += _baselines(task, asked, answer.compared)
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


def _baselines(task: Task, asked: Asked, samples: Samples) -> Iterator[CertificateRow]:
    """Yields a row for each baseline, at the job's σ, n, α and τ."""
    metric = asked.spec.metric.name
    proven = None if asked.card.lipschitz is None else Lipschitz.from_dict(asked.card.lipschitz)
    for row in rows_of(
        samples,
        study=task.study,
        model=task.model,
        setting=task.setting,
        prompt=task.prompt or "",
        metric=metric,
        lipschitz=proven if proven is not None and proven.metric == metric else None,
    ):
        yield row.model_copy(update={"study": CHECK}) if row.ours else row
