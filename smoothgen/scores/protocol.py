"""The protocol of a score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from smoothgen.certificates.score_claims import ScoreIdentity


class Score(Protocol):
    """A bounded function of one output's content, a text or uint8 pixels, and of things no attack touches."""

    @property
    def identity(self) -> ScoreIdentity:
        """Returns which function it is, with its range."""
        ...

    def values(self, contents: Sequence[Any]) -> NDArray[np.float64]:
        """Returns the score of each output, shape (len(contents),); NaN where it cannot be computed.

        The score of an output does not depend on the others.
        """
        ...
