"""Tasks of kind "baselines": all methods on the same samples of a prompt, under one or more output metrics.

A task's settings: "robustness" as in a request (sigma and tolerance are needed), "parameters" too, and in "options" the
metrics as requests spell them, such as {"metrics": ["pixel-rmse", "verdict"]}. The samples are drawn once for all
metrics, and are those of a job of the task's seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from smoothgen.certificates.bounds.rounding import complement
from smoothgen.contracts import Parameters, Robustness, read_parameters
from smoothgen.errors import InvalidInput
from smoothgen.evaluation import Samples
from smoothgen.noise import Seed, Stream
from smoothgen.studies.methods import label_samples, rows_of
from smoothgen.studies.rows import CertificateRow
from smoothgen.studies.store import Task
from workers.distances import OutputMetric
from workers.distances.label import LabelMetric, Verdict
from workers.evaluation.outputs import Output, default_parameters, features, labels, noise_on_embedding, outputs
from workers.serving.loaded_model import LoadedModel


def baseline_rows(loaded: LoadedModel, task: Task, *, batch_size: int) -> list[CertificateRow]:
    """Returns the rows of every method under every metric of the task.

    As many selection as certification samples are drawn where the task does not say how many: Center Smoothing needs
    them. Raises InvalidInput for a task without prompt, sigma, tolerance or metrics, InvalidMetric for a metric whose
    outputs have neither labels nor features.
    """
    asked = _asked(task)
    first = asked[0]
    if task.prompt is None or first.sigma is None or first.tolerance is None:
        raise InvalidInput(
            f"a task of kind 'baselines' needs a prompt, robustness.sigma and robustness.tolerance, got "
            f"{task.prompt!r:.80}, {first.sigma!r} and {first.tolerance!r}",
            field="settings",
        )
    seed = Seed(int(task.settings.get("seed", 0)), "client")
    parameters, smoothing = _parameters(loaded, task), noise_on_embedding(first.sigma, seed)
    drawn = [
        outputs(loaded, task.prompt, parameters, smoothing, seed, stream, count, batch_size=batch_size)
        for stream, count in ((Stream.SELECTION, first.selection_samples), (Stream.CERTIFICATION, first.samples))
    ]
    constant = getattr(loaded.generator, "lipschitz", None)
    rows: list[CertificateRow] = []
    for each in asked:
        assert each.metric is not None  # noqa: S101  _asked gives every one its metric
        metric = loaded.metric(each.metric)
        alpha = complement(first.confidence)
        rows += rows_of(
            samples_of(loaded, metric, drawn, sigma=first.sigma, alpha=alpha, tolerance=first.tolerance),
            study=task.study,
            model=task.model,
            setting=task.setting,
            prompt=task.prompt,
            metric=metric.name,
            lipschitz=constant if constant is not None and constant.metric == metric.name else None,
        )
    return rows


def samples_of(
    loaded: LoadedModel,
    metric: OutputMetric,
    drawn: Sequence[Sequence[Output]],
    *,
    sigma: float,
    alpha: float,
    tolerance: float,
) -> Samples:
    """Returns selection and certification outputs, in this order in `drawn`, as features, or as labels under metric
    label and verdict."""
    if isinstance(metric, LabelMetric | Verdict):
        selection, certification = (labels(metric, part) for part in drawn)
        return label_samples(selection, certification, sigma=sigma, alpha=alpha, tolerance=tolerance)
    measured = features(loaded, metric, [output for part in drawn for output in part])
    return Samples(
        selection=measured[: len(drawn[0])],
        certification=measured[len(drawn[0]) :],
        sigma=sigma,
        alpha=alpha,
        tolerance=tolerance,
        diameter=metric.diameter,
    )


def _asked(task: Task) -> list[Robustness]:
    """Returns what the task asks, once for each of its metrics. Raises InvalidInput."""
    metrics: Sequence[Any] = task.settings.get("options", {}).get("metrics") or ()
    if not metrics:
        raise InvalidInput("a task of kind 'baselines' needs options.metrics, got none", field="options.metrics")
    given = {**task.settings.get("robustness", {})}
    try:
        asked = [Robustness.model_validate({**given, "metric": metric}) for metric in metrics]
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"]))
        raise InvalidInput(f"robustness.{where}: {error.errors()[0]['msg']}", field=f"robustness.{where}") from error
    if "selection_samples" in given:
        return asked
    return [each.model_copy(update={"selection_samples": each.samples}) for each in asked]


def _parameters(loaded: LoadedModel, task: Task) -> Parameters:
    """Returns the task's parameters, the model's own in the place of those that are not given."""
    asked = read_parameters(loaded.card.modality, task.settings.get("parameters", {}))
    return default_parameters(loaded).model_copy(update=asked.model_dump(exclude_unset=True))
