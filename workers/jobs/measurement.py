"""Measures outputs: the distance of every sample to the centre that the selection chose."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from workers.distances import Centre, OutputMetric
from workers.generators import Failure, Made

Outputs = Sequence[Made | Failure]
"""Samples in the order of their indices; a Failure where the model gave none."""


def measure(outputs: Outputs, metric: OutputMetric, centre: Centre) -> NDArray[np.float64]:
    """Returns the distances to the centre, in metric units and sample order, shape (len(outputs),).

    A sample that failed is NaN, which `certify` counts as the worst distance.
    """
    distances = np.full(len(outputs), np.nan)
    whole = {i: output.content for i, output in enumerate(outputs) if not isinstance(output, Failure)}
    if whole:
        distances[list(whole)] = metric.distances(list(whole.values()), centre)
    return distances
