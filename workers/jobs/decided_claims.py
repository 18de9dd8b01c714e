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
from smoothgen.certificates.abstention import ProvenOfScore
from smoothgen.certificates.edits.score_claims import EditsScoreClaim
from smoothgen.certificates.meaning.scores import decision_in_words
from smoothgen.certificates.score_claims import AskedClaim, ScoreClaim
from smoothgen.certificates.score_claims.exact import ExactClaim
from smoothgen.certificates.units.score_claims import UnitScoreClaim
from smoothgen.contracts import ClaimDecision, Decision

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


def decision_on(
    own: str,
    outcome: Outcome,
    wanted: float | None,
    claims: Sequence[AskedClaim],
    *,
    asks_shift: bool,
    counted: bool = False,
) -> Decision:
    """Returns the decision on all that was asked; its radius is the least of the claims that were.

    own: the claim on the distribution or the answer, in words. wanted: the norm, or the number of edits or of altered
    units, that was asked for. claims: those on scores. asks_shift: whether the own claim is asked beside them. counted:
    whether radii are whole numbers of edits or units, one at least where none was asked for.
    """
    certified = not isinstance(outcome, Abstention)
    if counted:
        reached = outcome.radius is not None and outcome.radius >= (1 if wanted is None else wanted)
    else:
        reached = _reaches(outcome, wanted)
    mine = _Decided(own, reached, outcome.radius)
    if not claims:
        return Decision(claim=own, holds=certified and mine.holds, radius=_finite(outcome.radius), wanted=wanted)
    asked = _on_scores(outcome, claims, wanted)
    if asks_shift:
        asked = [mine, *asked]
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
    if not outcome.score_claims:
        return [_Decided(decision_in_words(claim), holds=False, radius=None) for claim in claims]
    return [_of_score(claim, wanted) for claim in outcome.score_claims]


def _of_score(claim: ProvenOfScore, wanted: float | None) -> _Decided:
    if isinstance(claim, ScoreClaim):
        holds = bool(claim.radius) if wanted is None else claim.holds
    elif isinstance(claim, ExactClaim | EditsScoreClaim | UnitScoreClaim):
        holds = claim.holds_at(wanted)
    sampled = isinstance(claim, EditsScoreClaim) and claim.radius is None  # a share of a sample has no radius
    return _Decided(decision_in_words(claim.asked), holds, None if sampled else claim.radius or 0.0)


def _reaches(outcome: Outcome, wanted: float | None) -> bool:
    """Returns whether the claim at the certificate's own radius is proven, where a claim on a score may not be."""
    if wanted is None or not isinstance(outcome, Abstention):
        return wanted is not None or bool(outcome.radius)
    return outcome.radius is not None and outcome.radius > wanted


def _finite(radius: float | None) -> float | None:
    return None if radius is None or math.isinf(radius) else radius
