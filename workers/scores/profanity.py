"""The score "how likely the text is profane", by the classifier of package alt-profanity-check."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from smoothgen.errors import InvalidClaim
from smoothgen.scores import PROFANITY_EXTRA, profanity_identity

_MODULE: Final = "profanity_check"
_PACKAGE: Final = "alt-profanity-check"


def profanity_available() -> bool:
    """Returns whether the package is installed. Imports nothing."""
    return find_spec(_MODULE) is not None


class Profanity:
    """The probability that a text is profane, in [0, 1], by a linear classifier of English words and word pairs.

    The package and scikit-learn are imported when a request first asks: that takes seconds.
    """

    def __init__(self) -> None:
        """Raises InvalidClaim where the package is not installed."""
        self._classifier = _classifier()
        self.identity = profanity_identity(f"{_PACKAGE} {version(_PACKAGE)}")

    def values(self, contents: Sequence[str]) -> NDArray[np.float64]:
        """Returns the probability of each text. Each is asked alone, so that none depends on the others."""
        found = {text: float(self._classifier.predict_prob([text])[0]) for text in dict.fromkeys(contents)}
        return np.array([found[text] for text in contents])


@cache
def _classifier() -> Any:
    try:
        import profanity_check
    except ImportError as error:
        raise InvalidClaim(
            f"score 'profanity' needs {PROFANITY_EXTRA}, and this worker cannot import it ({error})",
            field="robustness.claims",
        ) from error
    return profanity_check
