"""A metric that an installed package brings, as an output metric (smoothgen.plugins.MetricPlugin)."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import structlog
from numpy.typing import NDArray
from PIL import Image

from smoothgen.certificates.bounds.bands import ORDER_STATISTICS
from smoothgen.certificates.meaning.quoting import PLUGIN
from smoothgen.errors import GenerationFailed, InvalidMetric
from smoothgen.images import encode_png
from smoothgen.plugins import FAULTS, METRICS, load, names, stated_by_metric
from workers.distances.protocol import Centre, OutputMetric

_FIELD: Final = "robustness.metric"
_SLACK: Final = 1e-9
"""Of the diameter: by how much rounding may make two orders of a pair, or a triangle, differ."""
_MOST_TRIANGLES: Final = 64
"""The selection samples whose triangles are compared, at most."""


class PluggedMetric:
    """An installed metric under the options of a request. Its name in certificates is "plugin:<name>".

    The centre is the medoid of the selection outputs, itself an output, so D_c is D. Both orders of every pair are
    asked for, and the larger distance counts.
    """

    band = ORDER_STATISTICS.name

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        """Raises UnknownName where it is not installed, InvalidPlugin where it cannot be loaded or does not state what
        it must, InvalidMetric where it refuses the options."""
        loaded = load(name, METRICS, _FIELD)
        stated = stated_by_metric(name, loaded.factory)
        self.name, self.diameter, self.description = f"{PLUGIN}{name}", stated.diameter, stated.description
        try:
            self._distance = loaded.factory(dict(options)).distance
        except FAULTS as error:
            raise InvalidMetric(
                f"metric plug-in {name!r} does not take the options {dict(options)!r:.200}: {type(error).__name__}: "
                f"{error}",
                field=_FIELD,
            ) from error
        self.options: dict[str, Any] = {
            "distribution": loaded.distribution,
            "digest": loaded.digest,
            **({"options": dict(options)} if options else {}),
        }
        self.last_failure = ""

    def choose_centre(self, contents: Sequence[Any]) -> Centre:
        """Returns the selection output with the smallest sum of distances to the others as the centre.

        Raises GenerationFailed where none can be measured against all others, and for what is no metric.
        """
        table = np.array([[self._between(a, b) for b in contents] for a in contents])
        self._require_metric(table)
        sums = table.sum(axis=1)
        if np.isnan(sums).all():
            raise GenerationFailed(
                f"metric {self.name!r} measures no selection output against all others: {self.last_failure}; another "
                "prompt may help, or its author"
            )
        medoid = int(np.nanargmin(sums))
        return Centre(contents[medoid], self.diameter, _written(contents[medoid]), medoid)

    def read_centre(self, document: dict[str, Any], bound: float) -> Centre:
        """Returns the centre from its document: a text, or a picture whose pixels PNG keeps exactly."""
        return Centre(_read(document), bound, document)

    def distances(self, contents: Sequence[Any], centre: Centre) -> NDArray[np.float64]:
        """Returns the distance of every output to the medoid; NaN where the plug-in raises or gives NaN.

        Raises GenerationFailed for what is no metric.
        """
        return np.array([self._both_ways(content, centre.value) for content in contents])

    def _both_ways(self, a: Any, b: Any) -> float:
        there, back = self._between(a, b), self._between(b, a)
        if abs(there - back) > _SLACK * self.diameter:
            raise self._broken(f"distance(a, b) is {there!r} and distance(b, a) is {back!r} for outputs", a, b)
        return math.nan if math.isnan(there + back) else max(there, back)

    def _between(self, a: Any, b: Any) -> float:
        try:
            distance = float(self._distance(a, b))
        except FAULTS as error:
            return self._failed(f"raised {type(error).__name__}: {error}")
        if math.isnan(distance):
            return self._failed("gave NaN")
        if distance < 0:
            raise self._broken(f"a distance is {distance!r}, below 0, for outputs", a, b)
        if distance > self.diameter:
            raise self._broken(f"a distance is {distance!r}, above its stated diameter, for outputs", a, b)
        return distance

    def _require_metric(self, table: NDArray[np.float64]) -> None:
        """Raises GenerationFailed unless a table of distances is symmetric, 0 on the diagonal, and every triangle in it
        closes. table: shape (n, n), NaN where a distance failed, which is passed over."""
        slack = _SLACK * self.diameter
        if (np.diag(table) > slack).any():
            raise self._broken(f"an output is at distance {float(np.nanmax(np.diag(table)))!r} from itself")
        apart = np.abs(table - table.T)
        if (apart > slack).any():
            i, j = np.unravel_index(int(np.nanargmax(apart)), apart.shape)
            raise self._broken(f"distance(a, b) is {float(table[i, j])!r} and distance(b, a) is {float(table[j, i])!r}")
        some = table[:_MOST_TRIANGLES, :_MOST_TRIANGLES]
        for k in range(len(some)):
            if ((open_by := some - (some[:, [k]] + some[[k], :])) > slack).any():
                i, j = np.unravel_index(int(np.nanargmax(open_by)), open_by.shape)
                raise self._broken(
                    f"distance(a, c) is {float(some[i, j])!r}, more than {float(some[i, k])!r} + {float(some[k, j])!r} "
                    "by way of b"
                )

    def _broken(self, said: str, *outputs: Any) -> GenerationFailed:
        shown = " and ".join(f"{output!r:.60}" for output in outputs if isinstance(output, str))
        return GenerationFailed(
            f"metric {self.name!r} is no pseudo-metric of diameter {self.diameter!r}: {said}"
            f"{f' {shown}' if shown else ''}; a certificate in it would mean nothing. Its author can mend it; use "
            "another metric"
        )

    def _failed(self, reason: str) -> float:
        self.last_failure = f"metric plug-in {self.name!r} {reason}"[:500]
        structlog.get_logger().warning("distance_failed", detail=self.last_failure)
        return math.nan


@dataclass(frozen=True)
class PluggedKind:
    """What GET /models shows of an installed metric."""

    name: str
    diameter: float
    description: str


def plugged_kinds(output_kind: str) -> list[PluggedKind]:
    """Returns the installed metrics for outputs of a kind, sorted by name.

    output_kind: "text", "number" or "picture". Raises InvalidPlugin for one that cannot be loaded or does not state
    what it must.
    """
    compared = "picture" if output_kind == "picture" else "text"
    stated = {name: stated_by_metric(name, load(name, METRICS).factory) for name in names(METRICS)}
    return [
        PluggedKind(f"{PLUGIN}{name}", one.diameter, one.description)
        for name, one in stated.items()
        if compared in one.outputs
    ]


def require_same_metric(stored: Mapping[str, Any], metric: OutputMetric) -> None:
    """Raises GenerationFailed where a plug-in's metric is not the one that the job began with. stored: the metric
    section of the job's provenance."""
    then, now = stored["options"].get("digest"), metric.options.get("digest")
    if then != now:
        raise GenerationFailed(
            f"metric {metric.name!r} is another one on this worker (digest {now}) than where the job began (digest "
            f"{then}); the operator should install one version on all workers"
        )


def _written(content: Any) -> dict[str, Any]:
    if isinstance(content, str):
        return {"kind": "medoid text", "value": content}
    value = base64.b64encode(encode_png(Image.fromarray(content))).decode("ascii")
    return {"kind": "medoid picture", "encoding": "png/base64", "value": value}


def _read(document: Mapping[str, Any]) -> Any:
    if document["kind"] == "medoid text":
        return document["value"]
    with Image.open(io.BytesIO(base64.b64decode(document["value"]))) as picture:
        return np.asarray(picture.convert("RGB"))
