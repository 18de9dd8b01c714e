"""Whether two outputs give the same answer: an extracted one, or a classifier's verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smoothgen.certificates.meaning.metrics import LABEL, VERDICT
from smoothgen.labels import extractor
from workers.distances.protocol import Centre
from workers.features import Classifier


class _Answers:
    """The indicator 1{label(a) ≠ label(b)}. With this metric T3 becomes the classical certificate, "the answer stays
    Paris".

    An output without an answer has the label None, which equals itself, so "no answer" can be certified too.
    """

    diameter, band = LABEL.diameter, LABEL.band

    def labels(self, contents: Sequence[Any]) -> list[str | None]:
        raise NotImplementedError

    def choose_centre(self, contents: Sequence[Any]) -> Centre:
        """Returns the most frequent label among the selection outputs as the centre, the earliest where several tie."""
        labels = self.labels(contents)
        label, _ = Counter(labels).most_common(1)[0]
        return Centre(label, 1.0, {"kind": "label", "label": label}, labels.index(label))

    def read_centre(self, document: dict[str, Any], bound: float) -> Centre:
        """Returns the centre from its document: the label."""
        return Centre(document["label"], bound, document)

    def distances(self, contents: Sequence[Any], centre: Centre) -> NDArray[np.float64]:
        """Returns 0 for every output whose label is the centre's, else 1."""
        return np.array([float(label != centre.value) for label in self.labels(contents)])


class LabelMetric(_Answers):
    """The label metric on the answer that a rule extracts from a text."""

    name, description = LABEL.name, LABEL.description

    def __init__(self, rule: Mapping[str, Any]) -> None:
        self._rule, self._extract = dict(rule), extractor(rule)

    @property
    def options(self) -> dict[str, Any]:
        """Returns the extraction rule."""
        return {"extract": self._rule}

    def labels(self, contents: Sequence[Any]) -> list[str | None]:
        """Returns one answer for each text."""
        return [self._extract(text) for text in contents]


class Verdict(_Answers):
    """The label metric on the verdict of the model's picture classifier."""

    name, description = VERDICT.name, VERDICT.description

    def __init__(self, classifier: Classifier) -> None:
        self._classifier = classifier

    @property
    def options(self) -> dict[str, Any]:
        """Returns the classifier's name."""
        return {"classifier": self._classifier.name}

    def labels(self, contents: Sequence[Any]) -> list[str | None]:
        """Returns one verdict for each picture."""
        return [*self._classifier.verdicts(contents)]
