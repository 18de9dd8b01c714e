"""The other outcome: what was asked could not be proven. A result, not an error."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from smoothgen.certificates.score_claims.asked import AskedClaim


class Reason(StrEnum):
    """Why no certificate was given."""

    RADIUS_OUT_OF_REACH = "radius_out_of_reach"
    TOO_FEW_SAMPLES = "too_few_samples"
    DEADLINE = "deadline"
    SIGMA_NOT_PLACED = "sigma_not_placed"


class ProvenOfScore(Protocol):
    """What a method proves of a claim on a score."""

    @property
    def asked(self) -> AskedClaim:
        """Returns what is asked."""
        ...

    @property
    def radius(self) -> float | None:
        """Returns up to which norm, or how many edits or altered units, it is proven; None where no radius is."""
        ...


@dataclass(frozen=True)
class Abstention:
    """A result, not an error: what was asked could not be proven. `curve` holds what was proven instead.

    radius: the one that was proven for the distribution or the share to be kept, None where none was computed.
    score_claims: what was proven of the claims on scores, empty where none was asked or nothing was computed.
    """

    reason: Reason
    detail: str
    curve: tuple[tuple[float, float], ...] = ()
    radius: float | None = None
    score_claims: tuple[ProvenOfScore, ...] = ()
