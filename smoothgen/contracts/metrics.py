"""Output metrics as a request names them. Each is a pseudo-metric with proven bounds (docs/theory/metrics)."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, TypeAdapter

from smoothgen.contracts.base import Contract
from smoothgen.contracts.recorded import Recorded

_PLUGIN: Final = "plugin:"
"""What the name of a plug-in's metric begins with on a model's card, and as a bare name."""
Cap = Annotated[
    float | None,
    Field(ge=1e-9, description="Distances beyond the cap count as the cap: min(d, cap) is a metric too."),
]


_NOT_CALIBRATED: Final = ("label", "verdict", "vision-chord")
"""Metrics whose displacements are not worth measuring, or whose options a request must give."""


def can_be_calibrated(name: str) -> bool:
    """Returns whether `smoothgen calibrate` measures displacements in the metric. name: as on a model's card."""
    return name not in _NOT_CALIBRATED and not name.startswith(_PLUGIN)


class SentenceChord(Contract):
    """Euclidean distance between unit-norm sentence embeddings, in [0, 2]."""

    name: Literal["sentence-chord"]
    cap: Cap = None


class Edit(Contract):
    """Normalised edit distance over words and punctuation, 2L/(|a|+|b|+L), in [0, 1]. Needs no model."""

    name: Literal["edit"]
    cap: Cap = None


class Absolute(Contract):
    """|a − b| of two numbers in [0, 1]: the closed-form models' metric."""

    name: Literal["absolute"]
    cap: Cap = None


class PixelRmse(Contract):
    """Root mean square difference of pixels, channels scaled to [0, 1], in [0, 1]."""

    name: Literal["pixel-rmse"]
    cap: Cap = None


class FeatureChord(Contract):
    """Euclidean distance between unit-norm features of the model's own picture classifier, in [0, 2]."""

    name: Literal["feature-chord"]
    cap: Cap = None


class VisionChord(Contract):
    """Euclidean distance between unit-norm features of a transformers vision model the server offers, in [0, 2]."""

    name: Literal["vision-chord"]
    model: str = Field(min_length=1, max_length=300, description="One of the models GET /models lists.")
    cap: Cap = None


class Verdict(Contract):
    """1 where the model's picture classifier calls two pictures differently, else 0: "it stays a red sneaker"."""

    name: Literal["verdict"]


class RegexRule(Contract):
    """The first match of an RE2 pattern; its first group where it has one."""

    kind: Literal["regex"]
    pattern: str = Field(min_length=1, max_length=1000)


class NumberRule(Contract):
    """The first number in the text, thousands separators removed."""

    kind: Literal["number"]


class FirstLineRule(Contract):
    """The first line that is not blank."""

    kind: Literal["first_line"]


class JsonFieldRule(Contract):
    """A dotted path into the first JSON object of the text."""

    kind: Literal["json_field"]
    field: str = Field(min_length=1, max_length=200)


ExtractionRule = Annotated[RegexRule | NumberRule | FirstLineRule | JsonFieldRule, Field(discriminator="kind")]


class Label(Contract):
    """1 where two outputs' extracted answers differ, else 0: "the answer stays Paris"."""

    name: Literal["label"]
    extract: ExtractionRule


class PluginMetric(Contract):
    """A metric that an installed package brings, by the name of its entry point in the group smoothgen.metrics."""

    name: Literal["plugin"]
    plugin: str = Field(min_length=1, max_length=100)
    options: Recorded = Field(default={}, description="What the plug-in takes.")
    cap: Cap = None


def _spell_out(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    before, _, plugin = value.partition(_PLUGIN)
    return {"name": "plugin", "plugin": plugin} if plugin and not before else {"name": value}


_Spelled = Annotated[
    SentenceChord | Edit | Label | Absolute | PixelRmse | FeatureChord | VisionChord | Verdict | PluginMetric,
    Field(discriminator="name"),
]
_Bare = (
    Literal["sentence-chord", "edit", "absolute", "pixel-rmse", "feature-chord", "verdict"]
    | Annotated[str, Field(pattern=f"^{_PLUGIN}.{{1,100}}$")]
)
Metric = Annotated[
    _Spelled,
    BeforeValidator(_spell_out, json_schema_input_type=_Bare | _Spelled),
]
"""An output metric; a bare name stands for the metric with its defaults."""

_ADAPTER: TypeAdapter[Metric] = TypeAdapter(Metric)


def name_on_card(metric: Metric) -> str:
    """Returns the name under which a model's card lists a metric: a plug-in's as "plugin:<name>"."""
    return f"{_PLUGIN}{metric.plugin}" if isinstance(metric, PluginMetric) else metric.name


def metric_with_defaults(name: str) -> Metric:
    """Returns the metric that a bare name stands for.

    Raises pydantic.ValidationError for a metric with options (label, vision-chord, plugin).
    """
    return _ADAPTER.validate_python(name)
