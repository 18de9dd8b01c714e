"""The score "the picture classifier calls it this"."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smoothgen.scores import verdict_identity
from workers.features import Classifier


class VerdictIs:
    """1 where the model's picture classifier gives one verdict, else 0."""

    def __init__(self, verdict: str, classifier: Classifier) -> None:
        self._verdict, self._classifier = verdict, classifier
        self.identity = verdict_identity(verdict)

    def values(self, contents: Sequence[Any]) -> NDArray[np.float64]:
        """Returns 1 for each picture with the verdict, else 0."""
        return np.array([float(said == self._verdict) for said in self._classifier.verdicts(contents)])
