"""What a metric's name means: its description, D, D_c from the centre, band. The one home of these texts and numbers.

The workers' metrics (workers/distances) take them from here, and `verify` holds documents to them.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Literal

import numpy as np

from smoothgen.certificates.bounds.bands import NO_SAMPLES, ORDER_STATISTICS, TWO_VALUED
from smoothgen.certificates.evidence import Evidence
from smoothgen.certificates.meaning.quoting import PLUGIN
from smoothgen.certificates.provenance import MetricIdentity
from smoothgen.errors import InvalidCertificate

Modality = Literal["text", "image"]
Range = tuple[float, float]
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_ROUNDING: Final = 1e-9
"""Relative; far above what the sum of a few thousand squares can differ by between machines."""


def capped_description(description: str, cap: float | None) -> str:
    """Returns the description of min(d, cap) where that of d is `description`; of d itself without a cap."""
    return description if cap is None else f"{description}, capped at {cap!r}"


@dataclass(frozen=True)
class MetricMeaning:
    """One output metric.

    diameter: D without a cap. band: the one that fits the values it takes. modality: of the outputs it compares.
    options: the names of what else defines it. may_be_capped: whether requests may cap it. bound: the least and the
    largest D_c that a centre, as it stands in a document, allows; raises InvalidCertificate for what is no centre.
    """

    name: str
    description: str
    diameter: float
    band: str
    modality: Modality
    options: frozenset[str]
    may_be_capped: bool
    bound: Callable[[Mapping[str, Any]], Range]

    def described(self, cap: float | None) -> str:
        """Returns the description, with the cap where there is one."""
        return capped_description(self.description, cap)


def _chord(centre: Mapping[str, Any]) -> Range:
    """Returns the range of the distance from a centre c to the furthest point of the unit sphere, which is 1 + ‖c‖."""
    _require_fields(centre, "mean feature", "encoding", "value", "norm")
    packed = _bytes(centre, "float32-le/base64")
    if not packed or len(packed) % 4:
        raise _invalid(f"value must hold 4-byte floats, got {len(packed)} bytes")
    feature = np.frombuffer(packed, dtype="<f4").astype(np.float64)
    norm = math.sqrt(math.fsum(np.square(feature).tolist())) if np.isfinite(feature).all() else math.nan
    if not norm <= 1 + 1e-6:  # refuses NaN too
        raise _invalid(f"a mean of unit-norm features has norm 1 at most, and the value has {norm!r}")
    stated = centre["norm"]
    if not _is_number(stated) or not math.isclose(stated, norm, rel_tol=_ROUNDING, abs_tol=1e-12):
        raise _invalid(f"norm is stated as {stated!r:.80}, the value has {norm!r}")
    return 1 + norm, (1 + norm) * (1 + _ROUNDING)


def _absolute(centre: Mapping[str, Any]) -> Range:
    _require_fields(centre, "median", "value")
    c = centre["value"]
    if not _is_number(c) or not 0 <= c <= 1:
        raise _invalid(f"value must be a number in [0, 1], got {c!r:.80}")
    return max(c, 1 - c), max(c, 1 - c)


def _pixels(centre: Mapping[str, Any]) -> Range:
    """Returns the range of the furthest picture's distance: it is black or white in every channel, so between 1/2 and 1
    away."""
    _require_fields(centre, "mean picture", "encoding", "value")
    if not _bytes(centre, "png/base64").startswith(_PNG):
        raise _invalid("value is no PNG picture")
    return 0.5, 1.0


def _edit(centre: Mapping[str, Any]) -> Range:
    _require_fields(centre, "medoid text", "value")
    if not isinstance(centre["value"], str):
        raise _invalid(f"value must be a text, got {centre['value']!r:.80}")
    return 1.0, 1.0


def _answer(centre: Mapping[str, Any]) -> Range:
    _require_fields(centre, "label", "label")
    if not isinstance(centre["label"], str | None):
        raise _invalid(f"label must be a text or null, got {centre['label']!r:.80}")
    return 1.0, 1.0


def _chord_kind(name: str, features: str, modality: Modality) -> MetricMeaning:
    description = f"the chord distance of unit-norm {features} (0 to 2)"
    return MetricMeaning(name, description, 2.0, ORDER_STATISTICS.name, modality, frozenset({"encoder"}), True, _chord)


SENTENCE_CHORD: Final = _chord_kind("sentence-chord", "sentence embeddings", "text")
FEATURE_CHORD: Final = _chord_kind("feature-chord", "features of the model's picture classifier", "image")
VISION_CHORD: Final = _chord_kind("vision-chord", "features of a vision model", "image")
EDIT: Final = MetricMeaning(
    "edit",
    "normalised edit distance over words (0 to 1)",
    1.0,
    ORDER_STATISTICS.name,
    "text",
    frozenset({"tokens"}),
    True,
    _edit,
)
ABSOLUTE: Final = MetricMeaning(
    "absolute",
    "absolute difference of numbers in [0, 1]",
    1.0,
    ORDER_STATISTICS.name,
    "text",
    frozenset(),
    True,
    _absolute,
)
PIXEL_RMSE: Final = MetricMeaning(
    "pixel-rmse",
    "the root mean square difference of pixel channels scaled to [0, 1] (0 to 1)",
    1.0,
    ORDER_STATISTICS.name,
    "image",
    frozenset(),
    True,
    _pixels,
)
LABEL: Final = MetricMeaning(
    "label",
    "the share of outputs whose extracted answer differs (0 to 1)",
    1.0,
    TWO_VALUED.name,
    "text",
    frozenset({"extract"}),
    False,
    _answer,
)
VERDICT: Final = MetricMeaning(
    "verdict",
    "the share of pictures the model's classifier calls otherwise (0 to 1)",
    1.0,
    TWO_VALUED.name,
    "image",
    frozenset({"classifier"}),
    False,
    _answer,
)
METRICS: Final[Mapping[str, MetricMeaning]] = MappingProxyType(
    {
        metric.name: metric
        for metric in (SENTENCE_CHORD, EDIT, LABEL, ABSOLUTE, PIXEL_RMSE, FEATURE_CHORD, VISION_CHORD, VERDICT)
    }
)


_ASKED: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {LABEL.name: ("extract",), VISION_CHORD.name: ("model",)}
)
"""What a request must say beside the metric's name."""
_RULES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {"regex": ("pattern",), "number": (), "first_line": (), "json_field": ("field",)}
)
"""Extraction rules by kind, and what each needs."""


def metric_named(name: str, cap: float | None) -> MetricMeaning | None:
    """Returns the metric of this name, None for a plug-in's. Raises InvalidCertificate for an unknown plain name, and
    for a cap the metric cannot have."""
    metric = METRICS.get(name)
    if metric is None:
        if name.startswith(PLUGIN) and name != PLUGIN:
            return None
        raise InvalidCertificate(
            f"metric.name must be one of {', '.join(METRICS)}, or '{PLUGIN}' and the name of a plug-in's metric, got "
            f"{name!r:.80}",
            field="metric.name",
        )
    if cap is not None and not (metric.may_be_capped and cap > 0):
        raise InvalidCertificate(f"metric {name!r} cannot be capped at {cap!r}", field="metric.cap")
    return metric


def require_metric(stated: MetricIdentity, evidence: Evidence, band: str) -> MetricMeaning | None:
    """Holds a document's metric section to what its name means. Returns the metric, None for a plug-in's.

    Raises InvalidCertificate where description, band, D, or D_c for the centre stated is not the name's.
    """
    metric = metric_named(stated.name, stated.cap)
    if metric is None:
        return None
    cap = math.inf if stated.cap is None else stated.cap
    sampled = band != NO_SAMPLES.name
    diameter = min(metric.diameter, cap)
    least, most = metric.bound(stated.centre) if sampled or stated.centre else (diameter, diameter)
    least, most = min(least, cap), min(most, cap)
    options = set(stated.options)
    require_as_named(
        stated,
        ("metric.description", stated.description == metric.described(stated.cap), metric.described(stated.cap)),
        ("band", band == metric.band or not sampled, f"{metric.band!r} for this metric"),
        ("diameter", evidence.diameter == diameter, repr(diameter)),
        ("bound", not sampled or least <= evidence.bound <= most, f"{least!r} from the centre stated"),
        ("metric.options", options == metric.options or not (sampled or options), sorted(metric.options)),
    )
    return metric


def require_as_named(stated: MetricIdentity, *properties: tuple[str, bool, Any]) -> None:
    """Holds properties of a document to what its metric's name fixes, each as (field, whether it is so, what it must
    be), and an extraction rule among the metric's options to its form.

    Raises InvalidCertificate.
    """
    for name, is_as_named, meant in properties:
        if not is_as_named:
            raise InvalidCertificate(f"metric {stated.name!r}: {name} must be {meant}", field=name)
    if "extract" in stated.options:
        require_rule("metric.options.extract", stated.options["extract"])


def require_asked_options(metric: MetricMeaning, asked: Mapping[str, Any]) -> None:
    """Raises InvalidCertificate unless a metric, as a request names it, has exactly the options that its name needs."""
    needed = {"name", *_ASKED.get(metric.name, ())}
    allowed = needed | ({"cap"} if metric.may_be_capped else set())
    if not needed <= set(asked) <= allowed:
        raise InvalidCertificate(
            f"metric {metric.name!r} must have exactly {sorted(needed)}"
            f"{' and may have a cap' if metric.may_be_capped else ''}, got {dict(asked)!r:.200}",
            field="metric",
        )
    if "model" in needed and not (isinstance(asked["model"], str) and asked["model"].strip()):
        raise InvalidCertificate(f"metric.model must name a vision model, got {asked['model']!r:.80}", field="metric")
    if "extract" in needed:
        require_rule("metric.extract", asked["extract"])


def require_rule(where: str, rule: Any) -> None:
    """Raises InvalidCertificate unless this is an extraction rule: its kind, and what that kind needs, as a text."""
    fields = _RULES.get(str(rule.get("kind"))) if isinstance(rule, Mapping) else None
    if (
        fields is None
        or set(rule) != {"kind", *fields}
        or not all(isinstance(rule[f], str) and rule[f] for f in fields)
    ):
        raise InvalidCertificate(
            f"{where} must be a rule of kind {', '.join(_RULES)} with what it needs, got {rule!r:.200}", field=where
        )


def _require_fields(centre: Mapping[str, Any], kind: str, *fields: str) -> None:
    if set(centre) != {"kind", *fields} or centre["kind"] != kind:
        raise _invalid(f"must be of kind {kind!r} with {', '.join(fields)}, got {dict(centre)!r:.120}")


def _bytes(centre: Mapping[str, Any], encoding: str) -> bytes:
    if centre["encoding"] != encoding:
        raise _invalid(f"encoding must be {encoding!r}, got {centre['encoding']!r:.80}")
    try:
        return base64.b64decode(centre["value"], validate=True)
    except (binascii.Error, TypeError, ValueError) as error:
        raise _invalid(f"value is not base64: {error}") from error


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _invalid(message: str) -> InvalidCertificate:
    return InvalidCertificate(f"metric.centre: {message}", field="metric.centre")
