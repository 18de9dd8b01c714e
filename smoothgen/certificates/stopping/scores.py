"""When claims on scores are out of reach: used to give up, never to claim."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from smoothgen.certificates.abstention import Abstention, Reason
from smoothgen.certificates.bounds.looks import LookPlan
from smoothgen.certificates.evidence import Evidence
from smoothgen.certificates.score_claims import AskedClaim, ScoreCurve
from smoothgen.certificates.stopping.futility import Continuation, all_at_the_centre
from smoothgen.certificates.terms import Terms


def hopeless_claim(
    terms: Terms,
    plan: LookPlan,
    scored: Sequence[Evidence],
    samples: int,
    epsilon: float,
    continuation: Continuation,
) -> str | None:
    """Returns why a claim on a score holds at epsilon at no look after the one of `samples`, if samples continued like
    this; None where all may hold.

    scored: the series of each claim over the samples so far.
    """
    for place, (claim, series) in enumerate(zip(terms.score_claims, scored, strict=True), start=1):
        curves = [
            _curve(terms, claim, series, size, alpha, continuation)
            for size, alpha in zip(plan.sizes, plan.alphas, strict=True)
            if size > samples
        ]
        if curves and not any(curve.holds_at(epsilon) for curve in curves):
            return _said(place, claim, curves[-1].at(epsilon), plan, epsilon)
    return None


def failed_by_output(claims: Sequence[AskedClaim], output_scores: Sequence[float]) -> str | None:
    """Returns which claim the output fails without any attack, with its score, in words; None where it fails none.

    output_scores: of the output that is served, one for each claim.
    """
    for place, (claim, value) in enumerate(zip(claims, output_scores, strict=True), start=1):
        if claim.fails_at(value):
            side, asked = ("at most", claim.at_most) if claim.at_least is None else ("at least", claim.at_least)
            return (
                f"claim {place} asks for the {claim.of} of score {claim.score.name!r} {side} {asked!r}, and the score "
                f"of the output without any attack is {value!r}"
            )
    return None


def claims_out_of_reach(terms: Terms, output_scores: Sequence[float]) -> Abstention | None:
    """Returns the abstention where no certification sample need be drawn for the claims on scores: the output already
    fails one, or not even samples that are all at their best could prove it. None where samples may prove them all.

    output_scores: of the output that is served, one for each claim. Raises InvalidAlpha where the claims' shares of
    alpha are too small, InvalidDistances without a plan.
    """
    failed = failed_by_output(terms.score_claims, output_scores)
    if failed is not None:
        return _abstention(failed)
    plan, epsilon = terms.require_plan(), terms.epsilon or 0.0
    nothing = [Evidence(np.empty(0, dtype=np.float32), claim.width, claim.width) for claim in terms.score_claims]
    hopeless = hopeless_claim(terms, plan, nothing, 0, epsilon, all_at_the_centre)
    return None if hopeless is None else _abstention(f"even if every sample is at its best, {hopeless}")


def _abstention(reason: str) -> Abstention:
    return Abstention(Reason.RADIUS_OUT_OF_REACH, f"no certification sample was drawn: {reason}", (), 0.0)


def _said(place: int, claim: AskedClaim, hoped: float, plan: LookPlan, epsilon: float) -> str:
    return (
        f"with {plan.sizes[-1]} samples claim {place} on score {claim.score.name!r} ({claim.of}) would be proven to "
        f"{hoped!r} at epsilon={epsilon!r}, and is asked to {claim.limit!r}; ask for more samples, another limit, "
        "fewer claims or a smaller epsilon"
    )


def _curve(
    terms: Terms, claim: AskedClaim, series: Evidence, size: int, alpha: float, continuation: Continuation
) -> ScoreCurve:
    bounds = terms.bounds(claim.width)
    ordered = continuation(series.ordered(claim.width), size)
    return ScoreCurve(claim, bounds.survival(claim.band, ordered, claim.width, terms.share_of(alpha)), bounds)
