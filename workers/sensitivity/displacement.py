"""The displacement of outputs under given noise on the prompt embedding, with the generator's own randomness held
fixed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from smoothgen.contracts import Parameters
from workers.distances import Centre, OutputMetric
from workers.generators import Condition, Draw, Failure, Generator, Made
from workers.generators.batching import Batcher, Outputs


def made_with(
    generator: Generator,
    condition: Condition,
    noise: NDArray[np.float64],
    draw: Draw,
    parameters: Parameters,
    batcher: Batcher,
) -> Outputs:
    """Returns the output of every row of `noise`, shape (n, *x.shape). All rows use the one ω of `draw`."""

    def generate(rows: Sequence[int]) -> Sequence[Made | Failure]:
        return generator.generate(condition, noise[list(rows)], [draw] * len(rows), parameters)

    return [output for _, batch in batcher.run(range(len(noise)), generate) for output in batch]


def mean_displacement(metric: OutputMetric, unmoved: Made | Failure, outputs: Outputs) -> float:
    """Returns the mean distance from the unmoved output. An output that failed counts as the diameter."""
    if isinstance(unmoved, Failure):
        return metric.diameter
    origin: Centre = metric.choose_centre([unmoved.content])
    contents = [o.content for o in outputs if not isinstance(o, Failure)]
    whole = metric.distances(contents, origin) if contents else np.zeros(0)
    failed = len(outputs) - int(np.isfinite(whole).sum())
    return float((np.nansum(whole) + failed * metric.diameter) / len(outputs))
