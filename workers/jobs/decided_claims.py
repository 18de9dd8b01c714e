"""Whether all that was asked of a job is proven: its claim on the distribution or the answer, and those on scores."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from smoothgen.certificates import (
    Abstention,
    Certificate,
    EditsCertificate,
    ExhaustiveCertificate,
    UnitsCertificate,
)
from smoothgen.certificates.meaning.scores import claim_in_words
from smoothgen.certificates.score_claims import AskedClaim, ScoreClaim
from smoothgen.certificates.score_claims.exact import ExactClaim
from smoothgen.contracts import ClaimDecision, Decision, Robustness

Outcome = Certificate | ExhaustiveCertificate | EditsCertificate | UnitsCertificate | Abstention


@dataclass(frozen=True)
class _Decided:
    """A claim and what is proven of it. radius: infinite where there is no limit, None where none was computed."""

    claim: str
    holds: bool
    radius: float | None

    @property
    def view(self) -> ClaimDecision:
        """Returns it as the answer states it."""
        return ClaimDecision(claim=self.claim, holds=self.holds, radius=_finite(self.radius))


def decision_on(own: str, outcome: Outcome, robustness: Robustness, claims: Sequence[AskedClaim]) -> Decision:
    """Returns the decision on all that was asked; its radius is the least of the claims that were.

    own: the claim on the distribution or the answer, in words. robustness: as it was planned. claims: those on scores,
    with which an epsilon may ask for nothing else.
    """
    wanted, certified = robustness.epsilon, not isinstance(outcome, Abstention)
    if not claims:
        holds = certified and (wanted is not None or bool(outcome.radius))
        return Decision(claim=own, holds=holds, radius=_finite(outcome.radius), wanted=wanted)
    asked = _on_scores(outcome, claims, wanted)
    if robustness.asks_shift:
        asked = [_Decided(own, _reaches(outcome, wanted), outcome.radius), *asked]
    radii = [each.radius for each in asked if each.radius is not None]
    return Decision(
        claim="; ".join(each.claim for each in asked),
        holds=certified and all(each.holds for each in asked),
        radius=_finite(min(radii)) if len(radii) == len(asked) else None,
        wanted=wanted,
        claims=[each.view for each in asked],
    )


def _on_scores(outcome: Outcome, claims: Sequence[AskedClaim], wanted: float | None) -> list[_Decided]:
    """Returns what is proven of each claim on a score; nothing where the job ended before any was computed."""
    proven = outcome.score_claims if isinstance(outcome, Certificate | ExhaustiveCertificate | Abstention) else ()
    if not proven:
        return [_Decided(claim_in_words(claim), holds=False, radius=None) for claim in claims]
    return [_Decided(claim_in_words(claim.asked), _holds(claim, wanted), claim.radius or 0.0) for claim in proven]


def _holds(claim: ScoreClaim | ExactClaim, wanted: float | None) -> bool:
    if isinstance(claim, ExactClaim):
        return claim.holds_at(wanted)
    return bool(claim.radius) if wanted is None else claim.holds


def _reaches(outcome: Outcome, wanted: float | None) -> bool:
    """Returns whether the claim at the certificate's own radius is proven, where a claim on a score may not be."""
    if wanted is None or not isinstance(outcome, Abstention):
        return wanted is not None or bool(outcome.radius)
    return outcome.radius is not None and outcome.radius > wanted


def _finite(radius: float | None) -> float | None:
    return None if radius is None or math.isinf(radius) else radius
