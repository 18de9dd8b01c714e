"""The absolute difference |a − b| of the numbers that closed-form generators print."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smoothgen.certificates.meaning.metrics import ABSOLUTE
from smoothgen.errors import GenerationFailed
from workers.distances.protocol import Centre


class Absolute:
    """The absolute difference of two numbers in [0, 1]. The centre is a median, which minimises the mean distance."""

    name, description, diameter, band = ABSOLUTE.name, ABSOLUTE.description, ABSOLUTE.diameter, ABSOLUTE.band
    options: dict[str, Any] = {}  # noqa: RUF012  nothing more defines it

    def choose_centre(self, texts: Sequence[str]) -> Centre:
        """Returns the lower median of the selection outputs as the centre. Raises GenerationFailed."""
        values = _numbers(texts)
        order = [int(i) for i in np.argsort(values, kind="stable") if np.isfinite(values[i])]
        if not order:
            raise GenerationFailed(f"no selection output is a number in [0, 1]; the first reads {texts[0]!r:.80}")
        median = order[(len(order) - 1) // 2]
        c = float(values[median])
        return Centre(c, max(c, 1 - c), {"kind": "median", "value": c}, median)

    def read_centre(self, document: dict[str, Any], bound: float) -> Centre:
        """Returns the centre from its document: the median."""
        return Centre(float(document["value"]), bound, document)

    def distances(self, texts: Sequence[str], centre: Centre) -> NDArray[np.float64]:
        """Returns |y − c| for every output; NaN where the text is no number in [0, 1]."""
        distances: NDArray[np.float64] = np.abs(_numbers(texts) - centre.value)
        return distances


def _numbers(texts: Sequence[str]) -> NDArray[np.float64]:
    return np.array([_number(text) for text in texts])


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        return float("nan")
    return value if 0 <= value <= 1 else float("nan")
