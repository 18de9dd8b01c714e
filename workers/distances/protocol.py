"""The protocol of an output metric: distances to a centre, and bounds on them that need no data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Centre:
    """The point c from which spread is measured. The centre is chosen from selection outputs only.

    bound: D_c, an upper bound on every possible distance from c.
    document: c as it stands in the certificate.
    representative: the index of the selection output nearest to c.
    """

    value: Any
    bound: float
    document: dict[str, Any]
    representative: int = 0


class OutputMetric(Protocol):
    """A bounded pseudo-metric on output contents, str or uint8 pixels (theory §1); proofs in docs/theory/metrics."""

    @property
    def name(self) -> str:
        """Returns the metric's name in requests."""
        ...

    @property
    def description(self) -> str:
        """Returns the description in a certificate's statement: "…in Wasserstein-1 in <description>"."""
        ...

    @property
    def diameter(self) -> float:
        """Returns D, an upper bound on every possible distance between two outputs."""
        ...

    @property
    def band(self) -> str:
        """Returns the band that fits the values of the metric. The band is fixed before any data is seen."""
        ...

    @property
    def options(self) -> dict[str, Any]:
        """Returns what else defines the metric, for the certificate."""
        ...

    def choose_centre(self, contents: Sequence[Any]) -> Centre:
        """Returns a centre chosen from selection outputs. Raises GenerationFailed if none of them can be measured."""
        ...

    def read_centre(self, document: dict[str, Any], bound: float) -> Centre:
        """Returns the centre that another worker chose, from its document and its bound D_c."""
        ...

    def distances(self, contents: Sequence[Any], centre: Centre) -> NDArray[np.float64]:
        """Returns the distances to the centre, shape (len(contents),), in [0, centre.bound]; NaN where an output cannot
        be measured."""
        ...
