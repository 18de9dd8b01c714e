"""Claims on scores derived again from a stranger's evidence, and compared with what is stated."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from smoothgen.certificates.certificate import Certificate
from smoothgen.certificates.checks.numbers import MACHINE, one_unit_apart
from smoothgen.certificates.evidence import Evidence
from smoothgen.certificates.score_claims import AskedClaim, ScoreClaim, ScoreCurve, claim_curve, score_radius
from smoothgen.certificates.score_claims.certified import claim_of_radius
from smoothgen.certificates.verification import Check
from smoothgen.errors import InvalidInput


def score_claims(stated: Certificate, share: float) -> Iterable[Check]:
    """Yields a check for every claim on a score. share: of alpha, that each of them may spend."""
    for place, claim in enumerate(stated.score_claims):
        yield Check(f"claims.{place}", *_verdict(claim, stated, share))


def claims_stated_twice(document: Mapping[str, Any], rebuilt: Mapping[str, Any]) -> Iterable[Check]:
    """Yields a check for what the claims state beside the evidence that gives it: how many failed, and its digest."""
    if "claims" not in rebuilt:
        return
    for place, (said, follows) in enumerate(zip(document["claims"], rebuilt["claims"], strict=True)):
        same = said["failed"] == follows["failed"] and said["evidence"] == follows["evidence"]
        yield Check(f"claims.{place}.evidence", same, "matches its sha256 and count" if same else "does not match")


def _verdict(claim: ScoreClaim, stated: Certificate, share: float) -> tuple[bool, str]:
    """Returns whether a claim follows from its evidence, and the finding in words."""
    evidence, width = claim.evidence, claim.asked.width
    if evidence.samples != stated.evidence.samples:
        return False, f"rests on {evidence.samples} samples, the certificate on {stated.evidence.samples}"
    try:
        Evidence.from_measurements(evidence.distances, bound=width, diameter=width)
        curve = claim_curve(claim.asked, evidence, stated.bounds, alpha=share)
    except InvalidInput as error:
        return False, str(error)
    derived = score_radius(curve)
    if not _is_radius(claim, curve, derived):
        return False, f"states radius {claim.radius!r}, the evidence gives {derived!r}"
    follows = claim_of_radius(claim.asked, evidence, curve, stated.epsilon, claim.radius)
    if [e for e, _ in claim.curve] != [e for e, _ in follows.curve]:
        return False, "its curve is not stated at the epsilons that follow from the radius"
    for (epsilon, said), (_, printed) in zip(claim.curve, follows.curve, strict=True):
        if said != printed and not is_sound_score_bound(claim.asked, said, printed, curve.full(epsilon)):
            return False, f"states {said!r} at epsilon {epsilon!r}, the evidence gives {printed!r}"
    at = stated.epsilon if stated.epsilon is not None else claim.radius or 0.0
    if dict(claim.curve).get(at) != claim.bound:
        return False, f"states the bound {claim.bound!r}, and another in its curve at epsilon {at!r}"
    if stated.epsilon is not None and not claim.holds:
        return False, f"the bound {claim.bound!r} at the asked epsilon is not what was asked, {claim.asked.limit!r}"
    return True, f"follows from the evidence: radius {claim.radius!r}, bound {claim.bound!r}"


def _is_radius(claim: ScoreClaim, curve: ScoreCurve, derived: float | None) -> bool:
    """Returns whether a radius is the one derived here, or one unit beside it and still sound."""
    if claim.radius == derived:
        return True
    if claim.radius is None or derived is None or not one_unit_apart(claim.radius, derived):
        return False
    return claim.radius < derived or _is_met(claim, curve.full(claim.radius))


def _is_met(claim: ScoreClaim, exact: float) -> bool:
    """Returns whether an unrounded bound is what was asked, up to another machine's last bits."""
    slack, limit = MACHINE * abs(exact), claim.asked.limit
    return exact - slack <= limit if claim.asked.is_upper else exact + slack >= limit


def is_sound_score_bound(asked: AskedClaim, said: float, printed: float, exact: float) -> bool:
    """Returns whether a stated bound is one unit beside the printed one and not on the wrong side of the unrounded
    one, in the claim's own terms."""
    slack = MACHINE * abs(exact)
    outside = said >= exact - slack if asked.is_upper else said <= exact + slack
    return one_unit_apart(said, printed) and outside
