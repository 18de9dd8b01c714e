"""The score "how long the text is"."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from smoothgen.certificates.score_claims import ScoreIdentity


class Length:
    """The number of characters (Unicode code points) or of words (separated by white space), `cap` at most."""

    def __init__(self, unit: Literal["characters", "words"], cap: int) -> None:
        self._by_words, self._cap = unit == "words", cap
        self.identity = ScoreIdentity("length", 0.0, float(cap), options={"unit": unit, "cap": cap})

    def values(self, contents: Sequence[str]) -> NDArray[np.float64]:
        """Returns the length of each text."""
        lengths = [len(text.split()) if self._by_words else len(text) for text in contents]
        return np.minimum(np.array(lengths, dtype=np.float64), float(self._cap))
