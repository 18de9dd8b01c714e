"""The protocol of a metric that a package brings. It needs nothing of SmoothGen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol


class MetricPlugin(Protocol):
    """A bounded pseudo-metric d on outputs, under the options that it was made with.

    The entry point (group smoothgen.metrics) names a class, or another callable, that takes the options of a request as
    one mapping and returns an object like this. It may raise ValueError for options it does not take. `diameter`,
    `outputs` and `description` are read from the class itself, without making an object: they hold for all options,
    and servers plan with them.

    Every certificate rests on these properties, which are the author's to prove, for all outputs a, b and c:
    0 ≤ d(a, b) ≤ diameter, d(a, a) = 0, d(a, b) = d(b, a), and d(a, c) ≤ d(a, b) + d(b, c). d depends on the two
    outputs and on the options alone: not on other outputs, on time, or on chance. A worker compares both orders of each
    pair it measures, and the triangles of selection samples; a job in which one fails ends with an error. That finds
    mistakes and proves nothing.
    """

    diameter: float
    """D, an upper bound on every possible distance, finite and above 0. Of the class."""
    outputs: Sequence[str]
    """What it compares: "text", "picture" or both. Of the class."""
    description: str
    """What it measures, in a few words, for GET /models and certificates. Of the class."""

    def distance(self, a: Any, b: Any) -> float:
        """Returns the distance of two outputs: texts, or pictures as uint8 of shape (height, width, 3).

        An exception or NaN make the sample count as the worst there is. A negative number, one above `diameter`, and
        another one for (b, a) fail the job: what is no metric has no certificate.
        """
        ...
