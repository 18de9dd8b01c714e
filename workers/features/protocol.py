"""What a feature map is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


class FeatureMap(Protocol):
    """f: texts, or pictures as uint8 (height, width, 3), → the unit sphere."""

    @property
    def name(self) -> str:
        """Which encoder, for certificates."""
        ...

    def features(self, contents: Sequence[Any], /) -> NDArray[np.float64]:
        """Unit-norm features, shape (len(contents), k). A row the encoder cannot compute is NaN."""
        ...


class Classifier(FeatureMap, Protocol):
    """A network that gives features of pictures and names what they show."""

    def verdicts(self, pictures: Sequence[NDArray[np.uint8]], /) -> list[str]:
        """What each picture shows."""
        ...
