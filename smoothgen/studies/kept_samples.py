"""The noisy samples that a server answers, as baselines take them. Without the model: for metrics that need none."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smoothgen.contracts import Absolute, Label, NoisyOutput, PixelRmse
from smoothgen.errors import InvalidMetric
from smoothgen.evaluation import Samples
from smoothgen.images import decode_image
from smoothgen.labels import extractor
from smoothgen.studies.answer import Asked
from smoothgen.studies.methods import label_samples


def kept_samples(asked: Asked, kept: Sequence[NoisyOutput], sigma: float) -> Samples:
    """Returns a job's samples with their features, or as labels under metric label.

    sigma: the level they were drawn at. Raises InvalidMetric for a metric that compares outputs by a network.
    """
    metric = asked.spec.metric
    parts = [[each for each in kept if each.stream == stream] for stream in ("selection", "certification")]
    common: dict[str, Any] = {"sigma": sigma, "alpha": asked.alpha, "tolerance": asked.spec.tolerance}
    if isinstance(metric, Label):
        extract = extractor(metric.extract.model_dump())
        answers = [[None if each.text is None else extract(each.text) for each in part] for part in parts]
        return label_samples(answers[0], answers[1], **common)
    if getattr(metric, "cap", None) is not None or not isinstance(metric, PixelRmse | Absolute):
        raise InvalidMetric(
            f"baselines under metric {metric.name!r} need its network or have no features; run with --local, leave "
            "the cap out, or use pixel-rmse, absolute or label",
            field="robustness.metric",
        )
    features_of = _picture if isinstance(metric, PixelRmse) else _number
    rows = [features_of(each) for part in parts for each in part]
    width = max((len(row) for row in rows), default=1)
    # A failed output, or a picture of another size, is a failed row.
    table = np.array([row if len(row) == width else np.full(width, np.nan) for row in rows])
    first = len(parts[0])
    return Samples(selection=table[:first], certification=table[first:], diameter=asked.diameter, **common)


def _picture(output: NoisyOutput) -> NDArray[np.float64]:
    if output.png is None:
        return np.zeros(0)
    pixels: NDArray[np.float64] = np.asarray(decode_image(output.png), dtype=np.float64).ravel()
    return pixels / (255 * math.sqrt(len(pixels)))


def _number(output: NoisyOutput) -> NDArray[np.float64]:
    try:
        return np.array([float(output.text or "")])
    except ValueError:
        return np.array([np.nan])
