"""Measuring outputs: the distance of each from its job's centre."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from workers.distances import Centre, OutputMetric
from workers.generators import Failure, Made


def measure(outputs: Sequence[Made | Failure], metric: OutputMetric, centre: Centre) -> NDArray[np.float64]:
    """Returns distances in metric units, shape (len(outputs),), in sample order.

    A sample that failed is NaN, which `certify` counts as the worst distance.
    """
    distances = np.full(len(outputs), np.nan)
    whole = {i: output.content for i, output in enumerate(outputs) if not isinstance(output, Failure)}
    if whole:
        distances[list(whole)] = metric.distances(list(whole.values()), centre)
    return distances
