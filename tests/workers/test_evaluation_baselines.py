"""Tasks of kind "baselines": rows of all methods, from the samples that a job of the same seed draws."""

from __future__ import annotations

from typing import Any

import pytest

from smoothgen.errors import InvalidInput, InvalidMetric
from smoothgen.studies.rows import CertificateRow
from smoothgen.studies.store import Task
from tests.support.workers.jobs import run, spec
from tests.support.workers.settings import CPU
from workers.evaluation.baselines import baseline_rows
from workers.generators import load_generator
from workers.serving.loaded_model import Encoders, LoadedModel


def loaded(name: str) -> LoadedModel:
    return LoadedModel(load_generator(name, CPU), Encoders(CPU), CPU)


def task(model: str, prompt: str | None, metrics: list[Any], **robustness: Any) -> Task:
    asked = {"sigma": 0.5, "tolerance": 0.2, "samples": 120, **robustness}
    settings = {"seed": 0x0123456789ABCDEF, "robustness": asked, "options": {"metrics": metrics}}
    return Task(kind="baselines", study="baselines", model=model, setting="own", prompt=prompt, settings=settings)


def ours(rows: list[CertificateRow]) -> CertificateRow:
    [found] = [row for row in rows if row.ours]
    return found


def test_our_row_is_the_jobs_certificate_but_for_its_centre_and_rounding() -> None:
    """The baselines' form takes the mean of features as the centre, the job its metric's own: here the median."""
    model = loaded("closed-form-tanh")
    rows = baseline_rows(model, task("closed-form-tanh", "0.25", ["absolute"]), batch_size=32)
    job = run(
        spec("0.25", sigma=0.5, metric="absolute", tolerance=0.2, samples=120, selection_samples=120), model.generator
    )
    assert job.certificate is not None
    assert ours(rows).radius == pytest.approx(job.certificate["radius"], rel=0.1)
    assert {row.samples for row in rows} == {120, 0}
    assert {row.alpha for row in rows} == {0.001, 0.0}


def test_pictures_are_measured_in_pixels_and_as_verdicts_on_the_same_draws() -> None:
    model = loaded("fashion-lipschitz-32")
    asked = task("fashion-lipschitz-32", "a red sneaker", ["pixel-rmse", "verdict"], sigma=0.2, samples=60)
    rows = baseline_rows(model, asked, batch_size=64)
    pixels, verdicts = ([row for row in rows if row.metric == name] for name in ("pixel-rmse", "verdict"))
    assert len(pixels) + len(verdicts) == len(rows)
    [proven] = [row for row in rows if row.method.startswith("Lipschitz")]
    assert (proven.metric, proven.sigma, proven.samples) == ("pixel-rmse", None, 0)
    assert proven.radius == pytest.approx((0.2 - 0.0039) / 0.2, rel=1e-2)
    assert any(row.method.startswith("majority") for row in verdicts)
    assert not any(row.method.startswith("majority") for row in pixels)


def test_tasks_that_cannot_be_run_are_refused_with_the_value() -> None:
    model = loaded("closed-form-tanh")
    with pytest.raises(InvalidInput, match=r"options\.metrics, got none"):
        baseline_rows(model, task("closed-form-tanh", "0.25", []), batch_size=8)
    with pytest.raises(InvalidInput, match=r"a prompt, robustness\.sigma"):
        baseline_rows(model, task("closed-form-tanh", None, ["absolute"]), batch_size=8)
    with pytest.raises(InvalidInput, match=r"robustness\.samples"):
        baseline_rows(model, task("closed-form-tanh", "0.25", ["absolute"], samples=0), batch_size=8)
    capped = {"name": "absolute", "cap": 0.5}
    with pytest.raises(InvalidMetric, match="'absolute' under a cap"):
        baseline_rows(model, task("closed-form-tanh", "0.25", [capped]), batch_size=8)
