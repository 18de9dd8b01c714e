"""The score "a pattern is found"."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from smoothgen.certificates.score_claims import ScoreIdentity
from smoothgen.errors import InvalidClaim, InvalidMetric
from smoothgen.labels import compiled_pattern


class Pattern:
    """1 where an RE2 pattern is found anywhere in the text, else 0. RE2 takes linear time, whatever the pattern."""

    def __init__(self, pattern: str) -> None:
        """Raises InvalidClaim for a pattern that RE2 does not take."""
        try:
            self._search = compiled_pattern(pattern).search
        except InvalidMetric as error:
            raise InvalidClaim(str(error)) from error
        self.identity = ScoreIdentity("pattern", 0.0, 1.0, two_valued=True, options={"pattern": pattern})

    def values(self, contents: Sequence[str]) -> NDArray[np.float64]:
        """Returns 1 for each text with the pattern, else 0."""
        return np.array([float(self._search(text) is not None) for text in contents])
