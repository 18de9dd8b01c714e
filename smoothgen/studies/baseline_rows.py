"""The rows of other people's certificates on the very samples that ours was made from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from smoothgen.evaluation import Certified, Method, Samples, smoothgen_certificate, smoothgen_label_certificate
from smoothgen.evaluation.baselines import (
    center_smoothing,
    center_smoothing_of_the_paper,
    gan_smoothing,
    majority,
    no_defence,
)
from smoothgen.studies.answer import Asked
from smoothgen.studies.rows import CertificateRow
from smoothgen.studies.store import Task

_POINTS: Final = 24
_REACH: Final = 3.0  # in sigmas
_OF_FEATURES: Final[tuple[Method, ...]] = (center_smoothing, center_smoothing_of_the_paper, gan_smoothing, no_defence)
_OF_LABELS: Final[tuple[Method, ...]] = (*_OF_FEATURES, majority)


def baseline_rows(task: Task, asked: Asked, samples: Samples) -> Iterator[CertificateRow]:
    """Yields a row for each baseline, on these samples and at this σ, n, α and τ.

    Our own certificate under ideal noise is among them, in a study of its own: it differs from the job's by the
    rounding slack alone, and shows that both were made from the same samples.
    """
    labels = bool(samples.certification_labels)
    for method in _OF_LABELS if labels else _OF_FEATURES:
        yield _row(task, asked, samples, method(samples), ours=False)
    own = smoothgen_label_certificate if labels else smoothgen_certificate
    yield _row(task, asked, samples, own(samples), ours=True, study="check: ideal noise")


def _row(
    task: Task, asked: Asked, samples: Samples, certified: Certified, *, ours: bool, study: str | None = None
) -> CertificateRow:
    sigma = samples.sigma
    grid: Sequence[float] = [_REACH * sigma * k / _POINTS for k in range(1, _POINTS + 1)]
    named: dict[str, Any] = {"study": study or task.study, "model": task.model, "setting": task.setting}
    return CertificateRow(
        **named,
        prompt=task.prompt or "",
        method=certified.method,
        ours=ours,
        claim=certified.claim,
        unit=asked.unit,
        metric=asked.spec.metric.name,
        tolerance=samples.tolerance,
        diameter=samples.diameter,
        alpha=samples.alpha,
        sigma=sigma,
        samples=len(samples.certification),
        radius=None if certified.abstained is not None else certified.radius,
        abstained=certified.abstained,
        curve=tuple((epsilon, certified.bound(epsilon)) for epsilon in grid),
    )
