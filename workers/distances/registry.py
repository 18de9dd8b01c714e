"""Output metrics by the name requests use."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from smoothgen.contracts import Absolute as AbsoluteRequest
from smoothgen.contracts import Calibration, Label, Metric, MetricCard
from smoothgen.contracts import Edit as EditRequest
from workers.distances.absolute import Absolute
from workers.distances.capped import Capped
from workers.distances.chord import Chord
from workers.distances.edit import Edit
from workers.distances.label import LabelMetric
from workers.distances.protocol import OutputMetric
from workers.features import FeatureMap


def output_metric(asked: Metric, encoder: Callable[[], FeatureMap]) -> OutputMetric:
    """The metric a request names. `encoder` is called only for metrics that need one."""
    if isinstance(asked, Label):
        return LabelMetric(asked.extract.model_dump())
    metric: OutputMetric
    if isinstance(asked, AbsoluteRequest):
        metric = Absolute()
    elif isinstance(asked, EditRequest):
        metric = Edit()
    else:
        metric = Chord(encoder())
    return metric if asked.cap is None else Capped(metric, asked.cap)


def metric_cards(numeric: bool, has_encoder: bool, calibrations: Mapping[str, Calibration]) -> list[MetricCard]:
    """What a text model offers, its default first: numbers are compared as numbers, sentences by their meaning."""
    kinds: list[type[Absolute] | type[Chord] | type[Edit] | type[LabelMetric]] = [Edit, LabelMetric]
    if has_encoder:
        kinds.insert(0, Chord)
    if numeric:
        kinds.insert(0, Absolute)
    return [
        MetricCard(
            name=kind.name,
            diameter=kind.diameter,
            description=kind.description,
            calibration=calibrations.get(kind.name),
        )
        for kind in kinds
    ]
