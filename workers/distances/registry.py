"""The output metrics by their names in requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Protocol, TypeVar, assert_never

from smoothgen import contracts
from smoothgen.contracts import Calibration, Metric, MetricCard
from smoothgen.errors import UnknownName
from workers.distances.absolute import Absolute
from workers.distances.capped import Capped
from workers.distances.chord import FEATURE_CHORD, SENTENCE_CHORD, VISION_CHORD, Chord
from workers.distances.edit import Edit
from workers.distances.label import LabelMetric, Verdict
from workers.distances.pixels import PixelRmse
from workers.distances.plugin import PluggedMetric
from workers.distances.protocol import OutputMetric
from workers.features import Classifier, FeatureMap

Instrument = TypeVar("Instrument")


class Instruments(Protocol):
    """The instruments with which a model's outputs can be measured."""

    @property
    def sentence(self) -> FeatureMap | None:
        """Returns the sentence encoder; None where it is not installed."""
        ...

    @property
    def classifier(self) -> Classifier | None:
        """Returns the picture classifier that came with the model; None where there is none."""
        ...

    def vision(self, name: str) -> FeatureMap:
        """Returns a vision model that the operator offers. Raises UnknownName for another."""
        ...


def output_metric(asked: Metric, instruments: Instruments) -> OutputMetric:
    """Returns the metric that a request names.

    Raises UnknownName where the instrument for it is missing, InvalidInput for a plug-in that cannot be used.
    """
    if isinstance(asked, contracts.Label):
        return LabelMetric(asked.extract.model_dump())
    if isinstance(asked, contracts.Verdict):
        return Verdict(_there(instruments.classifier, asked.name))
    metric: OutputMetric
    if isinstance(asked, contracts.Absolute):
        metric = Absolute()
    elif isinstance(asked, contracts.Edit):
        metric = Edit()
    elif isinstance(asked, contracts.PixelRmse):
        metric = PixelRmse()
    elif isinstance(asked, contracts.FeatureChord):
        metric = Chord(_there(instruments.classifier, asked.name), FEATURE_CHORD)
    elif isinstance(asked, contracts.VisionChord):
        metric = Chord(instruments.vision(asked.model), VISION_CHORD)
    elif isinstance(asked, contracts.SentenceChord):
        metric = Chord(_there(instruments.sentence, asked.name), SENTENCE_CHORD)
    elif isinstance(asked, contracts.PluginMetric):
        metric = PluggedMetric(asked.plugin, asked.options)
    else:
        assert_never(asked)  # mypy names a metric of the contract that has no branch here
    return metric if asked.cap is None else Capped(metric, asked.cap)


class Kind(Protocol):
    """The facts about a metric that GET /models shows."""

    @property
    def name(self) -> str:
        """Returns the metric's name in requests."""
        ...

    @property
    def diameter(self) -> float:
        """Returns the largest distance."""
        ...

    @property
    def description(self) -> str:
        """Returns what the metric measures, in words."""
        ...


TEXT_KINDS: Final[tuple[Kind, ...]] = (SENTENCE_CHORD, Edit, LabelMetric)
NUMBER_KINDS: Final[tuple[Kind, ...]] = (Absolute, Edit, LabelMetric)
PICTURE_KINDS: Final[tuple[Kind, ...]] = (PixelRmse, FEATURE_CHORD, Verdict, VISION_CHORD)


def metric_cards(
    kinds: Sequence[Kind], vision_models: Sequence[str], calibrations: Mapping[str, Calibration]
) -> list[MetricCard]:
    """Returns the cards of the metrics that a model offers, the default one first."""
    return [
        MetricCard(
            name=kind.name,
            diameter=kind.diameter,
            description=kind.description,
            calibration=calibrations.get(kind.name),
            models=list(vision_models) if kind is VISION_CHORD else None,
        )
        for kind in kinds
    ]


def _there(instrument: Instrument | None, metric: str) -> Instrument:
    if instrument is None:
        raise UnknownName("metric of this model", metric, ["see GET /models"], field="robustness.metric")
    return instrument
