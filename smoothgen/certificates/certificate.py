"""The certificate: evidence, what was asked, and the claims that follow. Frozen data."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from smoothgen.certificates.bands import SurvivalBand, band_by_name
from smoothgen.certificates.bounds import attacked_probability, universal_w1_bound, universal_w1_bounds
from smoothgen.certificates.canonical import canonical
from smoothgen.certificates.evidence import Evidence
from smoothgen.certificates.lipschitz import Lipschitz
from smoothgen.certificates.looks import LookPlan
from smoothgen.certificates.provenance import Provenance
from smoothgen.certificates.rounding import RELATIVE_SLACK, complement, round_up
from smoothgen.certificates.sigma_selection import SigmaSelection, remaining_alpha
from smoothgen.errors import InvalidAlpha
from smoothgen.mechanisms import Mechanism

METHOD: Final = "spread/v1"
"""min(T1, T2) over the named band, and T4 where the certificate holds a proven Lipschitz constant. Another meaning gets
another name."""


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

    def lists(self) -> dict[str, Any]:
        """The claims that are lists, as JSON-ready data."""
        return {
            "curve": [*map(list, self.curve)],
            "deviation": [dict(vars(d)) for d in self.deviation],
            "stays": None if self.stays is None else [*map(list, self.stays)],
        }

    @cached_property
    def canonical(self) -> dict[str, str]:
        """The canonical text of `lists`, written once: a server states the same claims in many certificates."""
        return {name: canonical(value) for name, value in self.lists().items()}


@dataclass(frozen=True)
class Certificate:
    """A proven statement about one smoothed generator, with everything needed to check it again.

    With probability at least `confidence` over the server's noise, for EVERY epsilon at once: no attack on the
    embedding of l2 norm ≤ epsilon moves the output distribution by more than `w1_bound(epsilon)` in Wasserstein-1.
    (T1 and T2 of docs/theory; `deviation` and `stays` are T3, under the same confidence.)

    alpha: the total. looks: where the job could have stopped earlier, or went on after an earlier look; the claims are
    then made with the share of the look that was taken, and the confidence covers all looks together.
    sigma_selection: where σ was chosen for this prompt: it spends its own share of alpha, and says nothing beyond its
    radius. lipschitz: where the generator is proven to be Lipschitz (T4).
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
    sigma_selection: SigmaSelection | None = None
    lipschitz: Lipschitz | None = None

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
        """What the claims spend: alpha less the selection's share, or the share of the look taken.

        Raises InvalidDistances off the plan.
        """
        if self.looks is not None:
            return self.looks.alphas[self.looks.look_at(self.evidence.samples)]
        return self.alpha if self.sigma_selection is None else remaining_alpha(self.alpha, self.sigma_selection.alpha)

    @property
    def reach(self) -> float:
        """The largest epsilon anything is claimed for: beyond it an attack may be served at another σ."""
        return math.inf if self.sigma_selection is None else self.sigma_selection.radius

    @property
    def curve(self) -> tuple[tuple[float, float], ...]:
        """The stated (epsilon, W₁ bound) pairs."""
        return self.claims.curve

    @cached_property
    def survival(self) -> SurvivalBand:
        """Upper bounds on P(R > t), simultaneous over t with probability ≥ 1 − alpha."""
        return band_by_name(self.band).build(self.evidence.ordered, self.evidence.bound, self.look_alpha)

    def w1_bound(self, epsilon: float) -> float:
        """Upper bound on W₁ under any attack of norm ≤ epsilon: min(T1, T2, T4), rounded up, metric units.

        The diameter beyond `reach`. Raises InvalidEpsilon unless epsilon ≥ 0 and finite.
        """
        bounds = w1_bounds(
            self.evidence.diameter,
            self.survival,
            self.mechanism,
            np.array([epsilon]),
            reach=self.reach,
            lipschitz=self.lipschitz,
        )
        return round_up(float(bounds[0]))

    def deviation(self, epsilon: float, gamma: float) -> float:
        """T3: the distance t such that under any attack of norm ≤ epsilon, P(‖f(Y′) − c‖ > t) ≤ gamma.

        Order statistics, never interpolated. Returns D_c where nothing smaller is proven. Raises InvalidAlpha
        unless 0 < gamma < 1, InvalidEpsilon for a negative or infinite epsilon.
        """
        if not 0 < gamma < 1:
            raise InvalidAlpha(f"gamma must lie strictly between 0 and 1, got {gamma!r}", field="gamma")
        return self.survival.attacked_quantile(gamma, shift_in_sigmas(self.mechanism, epsilon, self.reach))

    def exceedance(self, epsilon: float, distance: float) -> float:
        """T3: upper bound on P(‖f(Y′) − c‖ > distance) under any attack of norm ≤ epsilon. Rounded up."""
        r = shift_in_sigmas(self.mechanism, epsilon, self.reach)
        survival = self.survival.survival_upper_bound(distance)
        return min(1.0, round_up(float(attacked_probability(survival, r))))

    def spread_w1_bound(self, epsilon: float) -> float:
        """T2 alone: the bound from the spread of the samples at this σ, rounded up."""
        r = np.array([self.mechanism.radius_in_sigmas(epsilon)])
        return round_up(float(self.survival.integral_of_worst_shift(r)[0]) * (1 + RELATIVE_SLACK))

    def universal_w1_bound(self, epsilon: float) -> float:
        """T1 alone: the bound that needs no samples, at this σ, rounded up."""
        return round_up(universal_w1_bound(self.evidence.diameter, self.mechanism.radius_in_sigmas(epsilon)))


def w1_bounds(
    diameter: float,
    survival: SurvivalBand,
    mechanism: Mechanism,
    epsilons: NDArray[np.float64],
    *,
    reach: float = math.inf,
    lipschitz: Lipschitz | None = None,
) -> NDArray[np.float64]:
    """min(T1, T2, T4) at every epsilon, shape (m,) → (m,), past the error of its own arithmetic but in full digits.

    Beyond `reach` an attack may be served at another σ, and no two laws are further apart than the diameter.
    """
    r = np.array([mechanism.radius_in_sigmas(e) for e in epsilons.tolist()])
    smaller = np.minimum(universal_w1_bounds(diameter, r), survival.integral_of_worst_shift(r))
    # No two laws are further apart than the diameter, whatever the rounding adds.
    bounds: NDArray[np.float64] = np.minimum(smaller * (1 + RELATIVE_SLACK), diameter)
    if lipschitz is not None:
        bounds = np.minimum(bounds, lipschitz.bounds(epsilons))
    return bounds if reach == math.inf else np.where(epsilons > reach, diameter, bounds)


def shift_in_sigmas(mechanism: Mechanism, epsilon: float, reach: float) -> float:
    """r for T3: infinite beyond `reach`, where every event may have any probability. Raises InvalidEpsilon."""
    r = mechanism.radius_in_sigmas(epsilon)
    return math.inf if epsilon > reach else r


def output_deviation(diameter: float, to_centre: float, output_to_centre: float) -> float:
    """‖f(Y′) − f(y*)‖ ≤ ‖f(Y′) − c‖ + ‖c − f(y*)‖, and never more than the diameter. Rounded up."""
    return min(round_up(math.nextafter(to_centre + output_to_centre, math.inf)), diameter)
