"""From a band to what an attack of a given norm can do: W₁ bounds and probabilities, by one named method."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from smoothgen.certificates.bounds.bands import Band, SurvivalBand
from smoothgen.certificates.bounds.lipschitz import Lipschitz
from smoothgen.certificates.bounds.rounding import RELATIVE_SLACK
from smoothgen.certificates.bounds.theorems import attacked_probability, universal_w1_bounds
from smoothgen.certificates.evidence import Evidence
from smoothgen.errors import InvalidSlack, UnknownName
from smoothgen.mechanisms import Mechanism
from smoothgen.mechanisms.scale import LARGEST_SHIFT_IN_SIGMAS


@dataclass(frozen=True)
class Method:
    """How bounds follow from distances. A method's meaning never changes: another meaning gets another name.

    oscillation: whether the spread bound is T2′, which uses the diameter too, or T2. failures_at_diameter: whether a
    failed sample lies at max(D, D_c), as it must where a failure is at D from every output, or at D_c. furthest: the
    attack, in sigmas, beyond which nothing but the diameter is claimed of noisy outputs.

    Proof: docs/theory/bounds.md, "The bound that is reported"; of failed samples: docs/theory/statistics.md, "Failed
    samples".
    """

    name: str
    schema: str
    oscillation: bool
    failures_at_diameter: bool
    furthest: float


SPREAD_V1: Final = Method("spread/v1", "smoothgen/certificate/v1", False, False, math.inf)
"""min(T1, T2, T4, D), read but no longer written. Proof: docs/theory/bounds.md, "T2, spread"."""
SPREAD_V2: Final = Method("spread/v2", "smoothgen/certificate/v2", True, True, LARGEST_SHIFT_IN_SIGMAS)
"""min(T1, T2′, T4, D). Proof: docs/theory/bounds.md, "The bound that is reported"."""
METHODS: Final[Mapping[str, Method]] = MappingProxyType({m.name: m for m in (SPREAD_V1, SPREAD_V2)})


def method_by_name(name: str) -> Method:
    """Returns the method of this name. Raises UnknownName."""
    if name not in METHODS:
        raise UnknownName("method", name, METHODS, field="method")
    return METHODS[name]


@dataclass(frozen=True)
class ShiftBounds:
    """What no attack of norm ε can exceed, given a band on the honest spread.

    diameter: D, metric units. mechanism: the noise, which turns ε into r. rounding_slack: total variation between the
    noise that was computed and the ideal noise of the theorems. reach: the largest ε anything
    is claimed for, infinite unless σ was selected for the prompt. lipschitz: the constant of T4, where it is proven.

    Proof: docs/theory/bounds.md, "The bound that is reported", docs/theory/bounds.md, "T3, deviation of one output",
    and of the slack docs/theory/numerics.md, "How it enters the bounds".

    Raises InvalidSlack unless 0 ≤ rounding_slack < 1.
    """

    diameter: float
    mechanism: Mechanism
    method: Method = SPREAD_V2
    rounding_slack: float = 0.0
    reach: float = math.inf
    lipschitz: Lipschitz | None = None

    def __post_init__(self) -> None:
        require_slack(self.rounding_slack)

    def worst_distance(self, evidence: Evidence) -> float:
        """Returns how far from the centre a failed sample, or an output nobody has seen, may lie at most."""
        return max(evidence.bound, self.diameter) if self.method.failures_at_diameter else evidence.bound

    def survival(self, band: Band, ordered: NDArray[np.float64], worst: float, alpha: float) -> SurvivalBand:
        """Returns the band of these distances, increasing, shape (n,), with the rounding slack in every level."""
        return band.build(ordered, worst, alpha).raised(self.rounding_slack)

    def w1(self, survival: SurvivalBand, epsilons: NDArray[np.float64]) -> NDArray[np.float64]:
        """Returns min(T1, T2 or T2′, T4, D) at every ε, shape (m,) → (m,), metric units.

        survival: a band that holds the rounding slack already (see `survival`). The bounds have full digits and are
        past the error of their arithmetic.
        """
        r = np.array([self.mechanism.radius_in_sigmas(e) for e in epsilons.tolist()])
        smaller = np.minimum(universal_w1_bounds(self.diameter, r), self.spread(survival, r))
        # The noise computed at x and the noise computed at x + δ are each within the slack of ideal noise, and the laws
        # of the outputs are at most D apart.
        smaller = (smaller + 2 * self.rounding_slack * self.diameter) * (1 + RELATIVE_SLACK)
        bounds: NDArray[np.float64] = np.where(
            r > self.method.furthest, self.diameter, np.minimum(smaller, self.diameter)
        )
        if self.lipschitz is not None:
            bounds = np.minimum(bounds, self.lipschitz.bounds(epsilons))
        return bounds if self.reach == math.inf else np.where(epsilons > self.reach, self.diameter, bounds)

    def spread(self, survival: SurvivalBand, r: NDArray[np.float64]) -> NDArray[np.float64]:
        """Returns T2, or T2′ where the method uses it, for ideal noise at every r = ε/σ, shape (m,) → (m,)."""
        if self.method.oscillation:
            return survival.bound_by_oscillation(self.diameter, r)
        return survival.integral_of_worst_shift(r)

    def ideal_share(self, tolerance: float) -> float:
        """Returns what of a tolerance is left for the bounds on ideal noise once the slack has been paid; ≥ 0."""
        return max(0.0, tolerance - 2 * self.rounding_slack * self.diameter * (1 + 1e-9))

    def attacked(self, probability: ArrayLike, epsilon: float) -> NDArray[np.float64]:
        """Returns T3: the most that events of these honest probabilities can weigh under an attack of norm ≤ ε.

        The probabilities hold the rounding slack already, as a band's levels do. Raises InvalidEpsilon.
        """
        r = self.mechanism.radius_in_sigmas(epsilon)
        beyond = epsilon > self.reach or r > self.method.furthest
        attacked = attacked_probability(probability, math.inf if beyond else r)
        if not self.rounding_slack:
            return attacked
        return np.minimum(1.0, (attacked + self.rounding_slack) * (1 + RELATIVE_SLACK))


def require_slack(rounding_slack: float) -> None:
    """Raises InvalidSlack unless the slack is a total variation below 1."""
    if not 0 <= rounding_slack < 1:  # refuses NaN too
        raise InvalidSlack(
            f"rounding_slack must lie in [0, 1), got {rounding_slack!r}; it is the total variation between the noise "
            "as computed and ideal noise, mechanism.rounding_slack(numbers of x) for samples of mechanism.noisy",
            field="rounding_slack",
        )
