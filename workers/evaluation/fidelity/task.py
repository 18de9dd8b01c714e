"""Tasks of kind "fidelity": how good a setting's outputs are, over all prompts."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Protocol

from smoothgen.errors import InvalidMetric
from smoothgen.planning.plan import diameter_of
from smoothgen.studies import measures
from smoothgen.studies.rows import FidelityRow, Row
from smoothgen.studies.store import Task
from workers.distances.label import LabelMetric, Verdict
from workers.evaluation.fidelity.drawn import Setting, prompts_of
from workers.evaluation.fidelity.pictures import picture_rows
from workers.evaluation.fidelity.texts import text_rows
from workers.evaluation.fidelity.transport import empirical_w1
from workers.evaluation.outputs import Features, Output, features, label_features, labels
from workers.serving.loaded_model import LoadedModel
from workers.settings import Settings

KIND: Final = "fidelity"


class Models(Protocol):
    """Where a task finds its model."""

    settings: Settings

    def model_of(self, task: Task) -> LoadedModel:
        """Returns the model of a task, loaded."""
        ...


def fidelity(models: Models, task: Task) -> list[Row]:
    """Returns the rows of a task. The setting named "plain" is the model without noise.

    Raises InvalidInput for a request that cannot be planned, pydantic.ValidationError for options that are none.
    """
    setting = Setting.of(models.model_of(task), task, models.settings.batch_size)
    named = {"study": task.study, "model": task.model, "setting": task.setting}
    started = time.perf_counter()
    measured = {prompt: setting.measured(prompt) for prompt in prompts_of(task)}
    seconds = time.perf_counter() - started
    of_kind = picture_rows if setting.loaded.card.modality == "image" else text_rows
    rows: list[Row] = [*of_kind(setting, measured, named)]
    if setting.smoothing is not None:
        rows += [_overhead(setting, seconds, measured, named), *_moved(setting, measured, named)]
    return rows


def _overhead(
    setting: Setting, seconds: float, measured: Mapping[str, Sequence[Output]], named: Mapping[str, str]
) -> FidelityRow:
    """Returns the wall clock of one output of the setting over that of a plain one, both in batches."""
    started = time.perf_counter()
    plain = len(setting.plain_batch(next(iter(measured))))
    plain_seconds = (time.perf_counter() - started) / plain
    total = setting.runs(measured)
    unit = f"times, batches of up to {setting.batch_size}"
    value = seconds / total / plain_seconds
    return FidelityRow(**named, measure=measures.OVERHEAD, unit=unit, value=value, samples=total)


def _moved(
    setting: Setting, measured: Mapping[str, Sequence[Output]], named: Mapping[str, str]
) -> Iterator[FidelityRow]:
    """Yields, by prompt, the empirical W₁ between honest outputs and those of an attack in a random direction, and the
    floor of the estimate. Nothing where the metric has no features to compute it in."""
    loaded, alpha = setting.loaded, setting.options.alpha
    card = loaded.card.metric(setting.spec.metric.name)
    if card is None:
        return
    diameter = diameter_of(setting.spec.metric, card)
    unit = f"{setting.spec.metric.name}, of at most {diameter:g}"
    for prompt, honest in measured.items():
        try:
            clouds = _features(setting, honest, setting.attacked(prompt))
        except InvalidMetric:
            return
        found = empirical_w1(*clouds, diameter=diameter, alpha=alpha)
        common = {**named, "prompt": prompt, "samples": len(honest)}
        attack = f"{unit}; attack of norm {setting.epsilon:g}"
        yield FidelityRow(
            **common, measure=measures.EMPIRICAL_W1, unit=attack, value=found.value, high=found.high, alpha=alpha
        )
        yield FidelityRow(**common, measure=measures.EMPIRICAL_W1_FLOOR, unit=unit, value=found.floor)


def _features(setting: Setting, first: Sequence[Output], second: Sequence[Output]) -> tuple[Features, Features]:
    metric = setting.loaded.metric(setting.spec.metric)
    if isinstance(metric, LabelMetric | Verdict):
        one, other = label_features(labels(metric, first), labels(metric, second))
    else:
        one, other = (features(setting.loaded, metric, outputs) for outputs in (first, second))
    return one, other
