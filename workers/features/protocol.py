"""What a feature map is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class FeatureMap(Protocol):
    """f: texts → the unit sphere."""

    @property
    def name(self) -> str:
        """Which encoder, for certificates."""
        ...

    def features(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Unit-norm features, shape (len(texts), k). A row the encoder cannot compute is NaN."""
        ...
