"""What an output metric is to the certificate: distances to a centre, and bounds on them that need no data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Centre:
    """The point c that spread is measured from, chosen from selection outputs only.

    bound: D_c, at least every possible distance from c. document: c as it stands in the certificate. representative:
    which selection output lies nearest to c.
    """

    value: Any
    bound: float
    document: dict[str, Any]
    representative: int = 0


class OutputMetric(Protocol):
    """A bounded pseudo-metric on output contents, str or uint8 pixels (theory §1); proofs in docs/theory/metrics."""

    @property
    def name(self) -> str:
        """As in requests."""
        ...

    @property
    def description(self) -> str:
        """As it reads in a certificate's statement: "…in Wasserstein-1 in <description>"."""
        ...

    @property
    def diameter(self) -> float:
        """D, at least every possible distance between two outputs."""
        ...

    @property
    def band(self) -> str:
        """The band that fits the values it takes, fixed before any data."""
        ...

    @property
    def options(self) -> dict[str, Any]:
        """What else defines it, for the certificate."""
        ...

    def choose_centre(self, contents: Sequence[Any]) -> Centre:
        """A centre from selection outputs. Raises GenerationFailed if none of them can be measured."""
        ...

    def read_centre(self, document: dict[str, Any], bound: float) -> Centre:
        """The centre another worker chose, from its document and D_c."""
        ...

    def distances(self, contents: Sequence[Any], centre: Centre) -> NDArray[np.float64]:
        """Distances to the centre, shape (len(contents),), in [0, centre.bound]; NaN where one cannot be measured."""
        ...
