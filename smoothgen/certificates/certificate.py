"""The certificate: evidence, what was asked, and the claims that follow. Frozen data."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from smoothgen.certificates.bands import SurvivalBand, band_by_name
from smoothgen.certificates.bounds import attacked_probability, universal_w1_bound, universal_w1_bounds
from smoothgen.certificates.evidence import Evidence
from smoothgen.certificates.looks import LookPlan
from smoothgen.certificates.provenance import Provenance
from smoothgen.certificates.rounding import RELATIVE_SLACK, complement, round_up
from smoothgen.errors import InvalidAlpha
from smoothgen.mechanisms import Mechanism

METHOD: Final = "spread/v1"
"""min(T1, T2) over the named band. Another meaning gets another name."""


@dataclass(frozen=True)
class Deviation:
    """T3: under any attack of norm ≤ epsilon a fresh output lies, with probability ≥ 1 − gamma, within `to_centre` of
    the centre and within `to_output` of the output handed out (None where no output was named)."""

    epsilon: float
    gamma: float
    to_centre: float
    to_output: float | None


@dataclass(frozen=True)
class Claims:
    """The numbers a certificate states. All follow from its evidence; `verify` recomputes every one.

    radius: the certified radius ε_c at the tolerance, rounded down, in embedding units.
    w1_bound: the W₁ bound at the asked epsilon (at the radius where none was asked), rounded up.
    curve: (epsilon, W₁ bound) pairs. deviation: T3, nothing where nothing was sampled.
    stays: for label metrics, (epsilon, least probability that the answer stays).
    """

    radius: float
    w1_bound: float
    curve: tuple[tuple[float, float], ...]
    deviation: tuple[Deviation, ...]
    stays: tuple[tuple[float, float], ...] | None


@dataclass(frozen=True)
class Certificate:
    """A proven statement about one smoothed generator, with everything needed to check it again.

    With probability at least `confidence` over the server's noise, for EVERY epsilon at once: no attack on the
    embedding of l2 norm ≤ epsilon moves the output distribution by more than `w1_bound(epsilon)` in Wasserstein-1.
    (T1 and T2 of docs/theory; `deviation` and `stays` are T3, under the same confidence.)

    alpha: the total. looks: where the job could have stopped earlier, or went on after an earlier look; the claims are
    then made with the share of the look that was taken, and the confidence covers all looks together.
    """

    evidence: Evidence
    mechanism: Mechanism
    alpha: float
    tolerance: float
    epsilon: float | None
    claims: Claims
    band: str
    method: str = METHOD
    provenance: Provenance = field(default_factory=Provenance)
    id: str | None = None
    requested_at: str | None = None
    looks: LookPlan | None = None

    @property
    def radius(self) -> float:
        """ε_c: no attack within this l2 norm moves the outputs by more than `tolerance`. Rounded down."""
        return self.claims.radius

    def identified(self, certificate_id: str, requested_at: str) -> Certificate:
        """This certificate with its id and the time (ISO 8601) of the request it answers."""
        return replace(self, id=certificate_id, requested_at=requested_at)

    @property
    def confidence(self) -> float:
        """1 − alpha."""
        return complement(self.alpha)

    @property
    def look_alpha(self) -> float:
        """What the claims spend: alpha, or the share of the look taken. Raises InvalidDistances off the plan."""
        return self.alpha if self.looks is None else self.looks.alphas[self.looks.look_at(self.evidence.samples)]

    @property
    def curve(self) -> tuple[tuple[float, float], ...]:
        """The stated (epsilon, W₁ bound) pairs."""
        return self.claims.curve

    @cached_property
    def survival(self) -> SurvivalBand:
        """Upper bounds on P(R > t), simultaneous over t with probability ≥ 1 − alpha."""
        return band_by_name(self.band).build(self.evidence.ordered, self.evidence.bound, self.look_alpha)

    def w1_bound(self, epsilon: float) -> float:
        """Upper bound on W₁ under any attack of norm ≤ epsilon: min(T1, T2), rounded up, metric units.

        Raises InvalidEpsilon unless epsilon ≥ 0 and finite.
        """
        diameter = self.evidence.diameter
        return round_up(float(w1_bounds(diameter, self.survival, self.mechanism, np.array([epsilon]))[0]))

    def deviation(self, epsilon: float, gamma: float) -> float:
        """T3: the distance t such that under any attack of norm ≤ epsilon, P(‖f(Y′) − c‖ > t) ≤ gamma.

        Order statistics, never interpolated. Returns D_c where nothing smaller is proven. Raises InvalidAlpha
        unless 0 < gamma < 1, InvalidEpsilon for a negative or infinite epsilon.
        """
        if not 0 < gamma < 1:
            raise InvalidAlpha(f"gamma must lie strictly between 0 and 1, got {gamma!r}", field="gamma")
        return self.survival.attacked_quantile(gamma, self.mechanism.radius_in_sigmas(epsilon))

    def exceedance(self, epsilon: float, distance: float) -> float:
        """T3: upper bound on P(‖f(Y′) − c‖ > distance) under any attack of norm ≤ epsilon. Rounded up."""
        r = self.mechanism.radius_in_sigmas(epsilon)
        survival = self.survival.survival_upper_bound(distance)
        return min(1.0, round_up(float(attacked_probability(survival, r))))

    def spread_w1_bound(self, epsilon: float) -> float:
        """T2 alone: the bound from the spread of the samples, rounded up."""
        r = np.array([self.mechanism.radius_in_sigmas(epsilon)])
        return round_up(float(self.survival.integral_of_worst_shift(r)[0]) * (1 + RELATIVE_SLACK))

    def universal_w1_bound(self, epsilon: float) -> float:
        """T1 alone: the bound that needs no samples, rounded up."""
        return round_up(universal_w1_bound(self.evidence.diameter, self.mechanism.radius_in_sigmas(epsilon)))


class Reason(StrEnum):
    """Why no certificate was given."""

    RADIUS_OUT_OF_REACH = "radius_out_of_reach"
    TOO_FEW_SAMPLES = "too_few_samples"
    DEADLINE = "deadline"


@dataclass(frozen=True)
class Abstention:
    """A result, not an error: what was asked could not be proven. `curve` holds what was proven instead."""

    reason: Reason
    detail: str
    curve: tuple[tuple[float, float], ...] = ()


def w1_bounds(
    diameter: float, survival: SurvivalBand, mechanism: Mechanism, epsilons: NDArray[np.float64]
) -> NDArray[np.float64]:
    """min(T1, T2) at every epsilon, shape (m,) → (m,), past the error of its own arithmetic but in full digits."""
    r = np.array([mechanism.radius_in_sigmas(e) for e in epsilons.tolist()])
    smaller = np.minimum(universal_w1_bounds(diameter, r), survival.integral_of_worst_shift(r))
    # No two laws are further apart than the diameter, whatever the rounding adds.
    bounds: NDArray[np.float64] = np.minimum(smaller * (1 + RELATIVE_SLACK), diameter)
    return bounds


def output_deviation(diameter: float, to_centre: float, output_to_centre: float) -> float:
    """‖f(Y′) − f(y*)‖ ≤ ‖f(Y′) − c‖ + ‖c − f(y*)‖, and never more than the diameter. Rounded up."""
    return min(round_up(math.nextafter(to_centre + output_to_centre, math.inf)), diameter)
