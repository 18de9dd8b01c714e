"""The rows of other people's certificates on the very samples that ours was made from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from smoothgen.evaluation import Samples
from smoothgen.studies.answer import Asked
from smoothgen.studies.methods import rows_of
from smoothgen.studies.rows import CertificateRow
from smoothgen.studies.store import Task

IDEAL_NOISE: Final = "check: ideal noise"


def baseline_rows(task: Task, asked: Asked, samples: Samples) -> Iterator[CertificateRow]:
    """Yields a row for each baseline, on these samples and at this σ, n, α and τ.

    Our own certificate under ideal noise is among them, in a study of its own: it differs from the job's by the
    rounding slack alone, and shows that both were made from the same samples.
    """
    rows = rows_of(
        samples,
        study=task.study,
        model=task.model,
        setting=task.setting,
        prompt=task.prompt or "",
        metric=asked.spec.metric.name,
    )
    for row in rows:
        yield row.model_copy(update={"unit": asked.unit, **({"study": IDEAL_NOISE} if row.ours else {})})
