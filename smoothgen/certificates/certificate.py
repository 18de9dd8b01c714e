"""The certificate: evidence, what was asked, and the claims that follow. Frozen data."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final

import numpy as np

from smoothgen.certificates.bounds.bands import SurvivalBand, band_by_name
from smoothgen.certificates.bounds.lipschitz import Lipschitz
from smoothgen.certificates.bounds.looks import LookPlan
from smoothgen.certificates.bounds.rounding import RELATIVE_SLACK, complement, round_up
from smoothgen.certificates.bounds.shift_bounds import SPREAD_V2, ShiftBounds, method_by_name
from smoothgen.certificates.bounds.theorems import universal_w1_bound
from smoothgen.certificates.evidence import Evidence
from smoothgen.certificates.provenance import Provenance
from smoothgen.certificates.score_claims.certified import ScoreClaim
from smoothgen.certificates.score_claims.shares import claim_share
from smoothgen.certificates.sigma_selection import SigmaSelection, remaining_alpha
from smoothgen.certificates.terms import Terms
from smoothgen.errors import InvalidAlpha
from smoothgen.mechanisms import Mechanism

PLAIN_V1: Final = "plain/v1"
"""The wording of new certificates' statements. A wording never changes: other words get another name."""


@dataclass(frozen=True)
class Deviation:
    """T3: under any attack of norm ≤ epsilon a fresh output lies, with probability ≥ 1 − gamma, within `to_centre` of
    the centre and within `to_output` of the output handed out (None where no output was named)."""

    epsilon: float
    gamma: float
    to_centre: float
    to_output: float | None


@dataclass(frozen=True)
class KeptShare:
    """No attack of norm at most `radius` leaves the centre's answer less than `share` of the outputs. Radius 0: nothing
    is claimed of this share."""

    share: float
    radius: float


@dataclass(frozen=True)
class Claims:
    """The numbers a certificate states. All follow from its evidence; `verify` recomputes every one.

    radius: the certified radius ε_c at the tolerance or, where a share to keep was asked for, at that share; rounded
    down, in embedding units.
    w1_bound: the W₁ bound at the asked epsilon (at the radius where none was asked), rounded up.
    curve: (epsilon, W₁ bound) pairs. deviation: T3, nothing where nothing was sampled.
    stays: for label metrics, (epsilon, least probability that the answer stays). keeps: for label metrics, the radius
    of every share stated, in increasing order of the shares; None in documents older than this field.
    """

    radius: float
    w1_bound: float
    curve: tuple[tuple[float, float], ...]
    deviation: tuple[Deviation, ...]
    stays: tuple[tuple[float, float], ...] | None
    keeps: tuple[KeptShare, ...] | None = None

    def lists(self) -> dict[str, Any]:
        """Returns the claims that are lists, as JSON-ready data."""
        return {
            "curve": [*map(list, self.curve)],
            "deviation": [dict(vars(d)) for d in self.deviation],
            "stays": None if self.stays is None else [*map(list, self.stays)],
            "keeps": None if self.keeps is None else [dict(vars(kept)) for kept in self.keeps],
        }


@dataclass(frozen=True)
class Certificate:
    """A proven statement about one smoothed generator, with everything needed to check it again.

    With probability at least `confidence` over the server's noise, for EVERY epsilon at once: no attack on the
    embedding of l2 norm ≤ epsilon moves the output distribution by more than `w1_bound(epsilon)` in Wasserstein-1.
    (T1 and T2′ of docs/theory; `deviation` and `stays` are T3, under the same confidence.)

    method: the name of how the bounds follow from the distances. rounding_slack: total variation between the noise as
    it was computed and ideal noise, in every bound; 0 takes the noise to be ideal. alpha: the total. looks: where the
    job could have stopped earlier, or went on after an earlier look; the claims are then made with the share of the
    look that was taken, and the confidence covers all looks together.
    sigma_selection: where σ was chosen for this prompt: it spends its own share of alpha, and says nothing beyond its
    radius. lipschitz: where the generator is proven to be Lipschitz (T4).
    keep: the share of the outputs that the centre's answer was asked to keep; the radius is then that of this share.
    score_claims: what holds of scores of the outputs, each under an equal share of the look's alpha.
    asks_shift: whether the asked epsilon asks for the claim at `radius` too, and not for those on scores alone.
    wording: the name of the words of the statement; None in documents older than that name.
    """

    evidence: Evidence
    mechanism: Mechanism
    alpha: float
    tolerance: float
    epsilon: float | None
    claims: Claims
    band: str
    method: str = SPREAD_V2.name
    provenance: Provenance = field(default_factory=Provenance)
    id: str | None = None
    requested_at: str | None = None
    looks: LookPlan | None = None
    sigma_selection: SigmaSelection | None = None
    lipschitz: Lipschitz | None = None
    rounding_slack: float = 0.0
    keep: float | None = None
    score_claims: tuple[ScoreClaim, ...] = ()
    wording: str | None = PLAIN_V1
    asks_shift: bool = True

    @property
    def radius(self) -> float:
        """Returns ε_c: no attack within this l2 norm moves the outputs by more than `tolerance` or, where `keep` is
        given, leaves the centre's answer less than that share of them. Rounded down."""
        return self.claims.radius

    @property
    def proven(self) -> float:
        """Returns what is stated of the claim that was asked, at the asked epsilon or else at the radius: the W₁ bound,
        or where `keep` is given the share that the centre's answer keeps."""
        if self.keep is None:
            return self.claims.w1_bound
        return dict(self.claims.stays or ()).get(self.epsilon or self.claims.radius, 0.0)

    def identified(self, certificate_id: str, requested_at: str) -> Certificate:
        """Returns this certificate with its id and the time (ISO 8601) of the request it answers."""
        return replace(self, id=certificate_id, requested_at=requested_at)

    @property
    def confidence(self) -> float:
        """Returns 1 − alpha."""
        return complement(self.alpha)

    @property
    def look_alpha(self) -> float:
        """Returns what the distances' claims spend: alpha less the selection's share, or the share of the look taken,
        and of that an equal share where there are claims on scores.

        Raises InvalidDistances off the plan.
        """
        if self.looks is not None:
            alpha = self.looks.alphas[self.looks.look_at(self.evidence.samples)]
        elif self.sigma_selection is not None:
            alpha = remaining_alpha(self.alpha, self.sigma_selection.alpha)
        else:
            alpha = self.alpha
        return claim_share(alpha, len(self.score_claims))

    @property
    def reach(self) -> float:
        """Returns the largest epsilon anything is claimed for: beyond it an attack may be served at another σ."""
        return math.inf if self.sigma_selection is None else self.sigma_selection.radius

    @property
    def terms(self) -> Terms:
        """Returns what was asked of this certificate and what it may rest on."""
        return Terms(
            mechanism=self.mechanism,
            alpha=self.alpha,
            tolerance=self.tolerance,
            epsilon=self.epsilon,
            band=self.band,
            provenance=self.provenance,
            plan=self.looks,
            sigma_selection=self.sigma_selection,
            lipschitz=self.lipschitz,
            rounding_slack=self.rounding_slack,
            keep=self.keep,
            score_claims=tuple(claim.asked for claim in self.score_claims),
            asks_shift=self.asks_shift,
        )

    @property
    def curve(self) -> tuple[tuple[float, float], ...]:
        """Returns the stated (epsilon, W₁ bound) pairs."""
        return self.claims.curve

    @cached_property
    def bounds(self) -> ShiftBounds:
        """Returns how bounds follow from the band, by the method and everything else that enters them."""
        return ShiftBounds(
            diameter=self.evidence.diameter,
            mechanism=self.mechanism,
            method=method_by_name(self.method),
            rounding_slack=self.rounding_slack,
            reach=self.reach,
            lipschitz=self.lipschitz,
        )

    @cached_property
    def survival(self) -> SurvivalBand:
        """Returns the upper bounds on P(R > t) under ideal noise, simultaneous over t with probability ≥ 1 − alpha."""
        worst = self.bounds.worst_distance(self.evidence)
        return self.bounds.survival(band_by_name(self.band), self.evidence.ordered(worst), worst, self.look_alpha)

    def w1_bound(self, epsilon: float) -> float:
        """Returns an upper bound on W₁ under any attack of norm ≤ epsilon, rounded up, metric units.

        The diameter beyond `reach`. Raises InvalidEpsilon unless epsilon ≥ 0 and finite.
        """
        return round_up(float(self.bounds.w1(self.survival, np.array([epsilon]))[0]))

    def deviation(self, epsilon: float, gamma: float) -> float:
        """Returns T3's distance t such that under any attack of norm ≤ epsilon, P(‖f(Y′) − c‖ > t) ≤ gamma.

        Order statistics, never interpolated. Returns the worst distance, max(D_c, D), where nothing smaller is proven.
        Raises InvalidAlpha unless 0 < gamma < 1, InvalidEpsilon for a negative or infinite epsilon.
        """
        if not 0 < gamma < 1:
            raise InvalidAlpha(f"gamma must lie strictly between 0 and 1, got {gamma!r}", field="gamma")
        return self.survival.quantiles((gamma,), self.bounds.attacked(self.survival.levels, epsilon))[0]

    def exceedance(self, epsilon: float, distance: float) -> float:
        """Returns T3's upper bound on P(‖f(Y′) − c‖ > distance) under any attack of norm ≤ epsilon. Rounded up."""
        survival = self.survival.survival_upper_bound(distance)
        return min(1.0, round_up(float(self.bounds.attacked(survival, epsilon))))

    def spread_w1_bound(self, epsilon: float) -> float:
        """Returns T2, or T2′ where the method uses it, alone and for ideal noise: the bound from the spread of the
        samples at this σ, rounded up."""
        r = np.array([self.mechanism.radius_in_sigmas(epsilon)])
        return round_up(float(self.bounds.spread(self.survival, r)[0]) * (1 + RELATIVE_SLACK))

    def universal_w1_bound(self, epsilon: float) -> float:
        """Returns T1's bound alone: the one that needs no samples, at this σ, the rounding slack included, rounded
        up."""
        diameter = self.evidence.diameter
        universal = universal_w1_bound(diameter, self.mechanism.radius_in_sigmas(epsilon))
        slack = 2 * self.rounding_slack * diameter
        return round_up(min((universal + slack) * (1 + RELATIVE_SLACK) if slack else universal, diameter))


def output_deviation(diameter: float, to_centre: float, output_to_centre: float) -> float:
    """Returns a bound on ‖f(Y′) − f(y*)‖: ‖f(Y′) − c‖ + ‖c − f(y*)‖, never more than the diameter. Rounded up."""
    return min(round_up(math.nextafter(to_centre + output_to_centre, math.inf)), diameter)
