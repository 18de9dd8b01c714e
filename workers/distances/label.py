"""Whether two outputs give the same answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smoothgen.certificates.bands import TWO_VALUED
from smoothgen.labels import extractor
from workers.distances.protocol import Centre


class LabelMetric:
    """1{label(a) ≠ label(b)}: T3 becomes the classical certificate, "the answer stays Paris".

    A text without an answer has the label None, which equals itself: "no answer" can be certified too, and is named.
    """

    name = "label"
    description = "the share of outputs whose extracted answer differs (0 to 1)"
    diameter = 1.0
    band = TWO_VALUED.name

    def __init__(self, rule: Mapping[str, Any]) -> None:
        self._rule, self._extract = dict(rule), extractor(rule)

    @property
    def options(self) -> dict[str, Any]:
        """The extraction rule."""
        return {"extract": self._rule}

    def choose_centre(self, texts: Sequence[str]) -> Centre:
        """The most frequent label among the selection outputs, the earliest where several tie."""
        labels = [self._extract(text) for text in texts]
        label, _ = Counter(labels).most_common(1)[0]
        return Centre(label, 1.0, labels.index(label), {"kind": "label", "label": label})

    def distances(self, texts: Sequence[str], centre: Centre) -> NDArray[np.float64]:
        """0 where the answer is the centre's, else 1."""
        return np.array([float(self._extract(text) != centre.value) for text in texts])
