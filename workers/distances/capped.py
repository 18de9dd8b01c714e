"""The capped metric min(d, κ): beyond the cap an output counts as simply different. The cap of a metric is a metric
with a smaller diameter (theory §1)."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smoothgen.certificates.meaning.metrics import capped_description
from workers.distances.protocol import Centre, OutputMetric


class Capped:
    """An OutputMetric under a cap κ."""

    def __init__(self, metric: OutputMetric, cap: float) -> None:
        self._metric, self._cap = metric, cap
        self.name, self.band, self.options = metric.name, metric.band, metric.options
        self.diameter = min(metric.diameter, cap)
        self.description = capped_description(metric.description, cap)

    @property
    def last_failure(self) -> str:
        """Returns why the inner metric last failed to measure an output; "" where it does not say."""
        return str(getattr(self._metric, "last_failure", ""))

    def choose_centre(self, contents: Sequence[Any]) -> Centre:
        """Returns the inner metric's centre, with its bound capped."""
        centre = self._metric.choose_centre(contents)
        return dataclasses.replace(centre, bound=min(centre.bound, self._cap))

    def read_centre(self, document: dict[str, Any], bound: float) -> Centre:
        """Returns the inner metric's centre. Its bound is capped already."""
        return self._metric.read_centre(document, bound)

    def distances(self, contents: Sequence[Any], centre: Centre) -> NDArray[np.float64]:
        """Returns the inner metric's distances, capped. A NaN stays NaN."""
        return np.minimum(self._metric.distances(contents, centre), self._cap)
