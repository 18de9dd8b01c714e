"""The protocol of a score that a package brings. It needs nothing of SmoothGen, so a plug-in need not depend on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class ScorePlugin(Protocol):
    """A score: a bounded function of one output, and of the options it was made with.

    The entry point names a callable that takes the options of a request as one mapping, and returns an object like
    this: a class with such an `__init__`, for instance. It may raise ValueError for options it does not take.

    The function must depend on the output and on the options alone: not on other outputs, on time, or on chance. A
    certificate about it is a statement about this function.
    """

    @property
    def range(self) -> tuple[float, float]:
        """Returns (a, b), a < b: every score lies between them. Fixed once the object is made."""
        ...

    @property
    def two_valued(self) -> bool:
        """Returns whether only a and b occur, which makes claims sharper."""
        ...

    def score(self, output: Any) -> float:
        """Returns the score of one output: a text, or a picture as uint8 of shape (height, width, 3).

        An exception, NaN or a number outside the range make the sample count as the worst value of each claim.
        """
        ...


Factory = type[ScorePlugin]
"""What an entry point names: called with the options, it returns the plug-in."""

Options = Mapping[str, Any]
"""The options of a request, JSON data."""
