"""The counts of one window of a fleet: what was submitted, how far it lies from what was served, and at which look."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType
from typing import Final

from smoothgen.certificates.bounds.bands import require_alpha
from smoothgen.certificates.bounds.rounding import complement
from smoothgen.certificates.bounds.shift_bounds import Method, require_slack
from smoothgen.certificates.fleet.grid import GRID, THRESHOLDS, require_diameter
from smoothgen.certificates.fleet.levels import look_alpha, look_size
from smoothgen.certificates.fleet.subject import FleetSubject
from smoothgen.errors import InvalidCertificate
from smoothgen.mechanisms import Mechanism
from smoothgen.mechanisms.scale import LARGEST_SHIFT_IN_SIGMAS

# They use T2, not T2′: the largest over s is no concave function of the survival, so it has no average over requests.
FLEET_V1: Final = Method(
    "fleet/v1", "smoothgen/fleet/v1", oscillation=False, failures_at_diameter=True, furthest=math.inf
)
FLEET_V2: Final = Method(
    "fleet/v2", "smoothgen/fleet/v2", oscillation=False, failures_at_diameter=True, furthest=LARGEST_SHIFT_IN_SIGMAS
)
"""The meaning of fleet/v2 is min(T1, T5) over the named grid, with the rounding slack of the noise."""
FLEET_METHODS: Final[Mapping[str, Method]] = MappingProxyType({m.name: m for m in (FLEET_V1, FLEET_V2)})


@dataclass(frozen=True)
class FleetCounts:
    """Everything that a fleet certificate rests on, and nothing that follows from it.

    counts: for each threshold of the grid, how many requests exceed it; outstanding requests exceed all.
    requests: N, the first N of the window by submission. outstanding: those of them that had not ended.
    left_out: submissions among them that were refused before any noise was drawn. submitted: all submissions seen.
    diameter: D, metric units. alpha: of the whole window, all looks together.
    closed: whether the window is over; if so these are all its requests. look: j where the first 2^j requests of a
    running window were looked at, None for a closed window or where there was none to look at. rounding_slack: as in
    `certify`, of the largest x in the pool. subject: which requests these are; what is verified must have one. method:
    "fleet/v2", or "fleet/v1" of a certificate that was read.
    Raises InvalidCertificate where these contradict each other; InvalidAlpha, InvalidMetric.
    """

    counts: tuple[int, ...]
    requests: int
    outstanding: int
    left_out: int
    submitted: int
    diameter: float
    mechanism: Mechanism
    alpha: float
    closed: bool
    look: int | None
    grid: str = GRID
    rounding_slack: float = 0.0
    subject: FleetSubject | None = None
    method: str = FLEET_V2.name

    def __post_init__(self) -> None:
        require_alpha(self.alpha)
        require_diameter(self.diameter)
        require_slack(self.rounding_slack)
        for broken, reason in (
            (self.grid != GRID, f"grid must be {GRID!r}, got {self.grid!r:.80}"),
            (len(self.counts) != THRESHOLDS, f"counts must hold {THRESHOLDS} numbers, got {len(self.counts)}"),
            (
                any(a < b for a, b in pairwise((self.requests, *self.counts, self.outstanding, 0))),
                "counts must fall from at most `requests` to at least `outstanding` ≥ 0",
            ),
            (
                self.left_out < 0 or self.requests + self.left_out > self.submitted,
                f"requests {self.requests} and left_out {self.left_out} must be part of submitted {self.submitted}",
            ),
            (
                self.closed and (self.look is not None or self.requests + self.left_out != self.submitted),
                "a closed window has no look and leaves no submission out but the refused ones",
            ),
            (
                not self.closed and self.requests != look_size(self.look),
                f"look {self.look!r} of a running window is not one of {self.requests} requests",
            ),
        ):
            if broken:
                raise InvalidCertificate(reason)

    @property
    def confidence(self) -> float:
        """Returns 1 − alpha, rounded as a decimal: of everything said about this window together."""
        return complement(self.alpha)

    @property
    def look_alpha(self) -> float:
        """Returns what this look spends: half of alpha for the closed window, an equal part of the other half for a
        look."""
        return look_alpha(self.alpha, closed=self.closed)
