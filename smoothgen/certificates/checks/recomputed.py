"""The claims derived again from a stranger's evidence, and compared with what is stated, number by number.

Another machine's erf can differ in its last bits and so tip the outward rounding of the ninth digit by one unit. Of
spread/v1 a unit is accepted either way, as it always was; of spread/v2 only where the stated number is itself sound.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple

import numpy as np

from smoothgen.certificates.bounds.bands import NO_SAMPLES
from smoothgen.certificates.bounds.keeps import least_share
from smoothgen.certificates.bounds.looks import LookPlan
from smoothgen.certificates.bounds.radius import BoundCurve
from smoothgen.certificates.bounds.shift_bounds import SPREAD_V1
from smoothgen.certificates.certificate import Certificate, Claims
from smoothgen.certificates.checks.numbers import MACHINE, one_unit_apart
from smoothgen.certificates.checks.score_claims import score_claims
from smoothgen.certificates.claims import bound_curve, claims_at, derive_claims
from smoothgen.certificates.evidence import Evidence
from smoothgen.certificates.verification import Check
from smoothgen.errors import InvalidAlpha, InvalidDistances, InvalidInput

Numbers = tuple[float | None, ...]


def recomputed(stated: Certificate) -> Iterable[Check]:
    """Yields a check for every claim. Inputs out of range fail one check that says which."""
    try:
        share = _require_sound_inputs(stated)
        differing = _differing_v1(stated, share) if stated.method == SPREAD_V1.name else _differing(stated, share)
    except InvalidInput as error:
        yield Check("inputs", False, str(error))
        return
    yield Check("inputs", True, "alpha, tolerance, bounds and distances are in range")
    yield from differing
    yield from score_claims(stated, share)
    yield _asked(stated)


def _asked(stated: Certificate) -> Check:
    """Returns the check that the goal, where it is asked, is met at the asked epsilon, by the numbers stated."""
    goal, proven = stated.terms.goal, stated.proven
    if not stated.asks_shift:
        return Check("epsilon", True, "asks for the claims on scores alone")
    if stated.epsilon is None or goal.met_by(proven):
        return Check("epsilon", True, f"the {goal.words.short} at the asked epsilon is {goal.words.enough}")
    detail = f"the {goal.words.short} {proven!r} at epsilon {stated.epsilon!r} is {goal.shortfall()}"
    return Check("epsilon", False, detail)


def is_sound_bound(stated: float, printed: float, exact: float) -> bool:
    """Returns whether a stated bound is the printed one, or one unit beside it and still above the unrounded one."""
    return stated == printed or (one_unit_apart(stated, printed) and stated >= exact * (1 - MACHINE))


def compare(name: str, stated: Numbers, derived: Numbers) -> Check:
    """Returns the check that numbers agree to one unit of their last certified digit."""
    if len(stated) != len(derived):
        return Check(name, False, f"states {len(stated)} numbers where the evidence gives {len(derived)}")
    for s, d in zip(stated, derived, strict=True):
        if s != d and (s is None or d is None or not one_unit_apart(s, d)):
            return Check(name, False, f"states {s!r}, the evidence gives {d!r}")
    return Check(
        name,
        True,
        f"follows from the evidence: {stated[0]!r}" if len(stated) == 1 else "follows from the evidence",
    )


def _require_sound_inputs(stated: Certificate) -> float:
    """Refuses what `certify` refuses: distances that are empty, negative or beyond the bound, contradictory bounds, a σ
    that its draws do not prove. Returns the alpha that the claims may spend."""
    evidence = stated.evidence
    if stated.band == NO_SAMPLES.name:
        if evidence != Evidence.none(evidence.diameter) or stated.looks is not None:
            raise InvalidDistances(
                f"band {stated.band!r} takes no distances and no looks, and the diameter as its bound"
            )
    else:
        Evidence.from_measurements(evidence.distances, bound=evidence.bound, diameter=evidence.diameter)
    terms = stated.terms
    terms.require_sound_request(evidence.diameter)
    terms.require_sound_output()
    if terms.plan is not None and terms.plan == LookPlan.single(evidence.samples, terms.alpha_of_looks()):
        raise InvalidAlpha("a single look that spends all of alpha is no plan; leave looks out", field="looks")
    return terms.alpha_of_look(evidence.samples)


def _differing_v1(stated: Certificate, share: float) -> list[Check]:
    """Returns the checks of certificate/v1, which never change: one unit in the ninth digit is allowed, either way."""
    derived = derive_claims(stated.evidence, stated.bounds, stated.terms, alpha=share)
    if (stated.claims.stays is None) != (derived.stays is None):
        return [_stays_of_another_band(stated)]
    flat = _flatten(stated.claims), _flatten(derived)
    return [
        compare(name, *(claims[name] for claims in flat))
        for name in ("radius", "w1_bound", "curve", "deviation", "stays")
    ]


def _flatten(claims: Claims) -> dict[str, Numbers]:
    return {
        "radius": (claims.radius,),
        "w1_bound": (claims.w1_bound,),
        "curve": tuple(x for point in claims.curve for x in point),
        "deviation": tuple(x for d in claims.deviation for x in (d.epsilon, d.gamma, d.to_centre, d.to_output)),
        "stays": () if claims.stays is None else tuple(x for point in claims.stays for x in point),
    }


def _differing(stated: Certificate, share: float) -> list[Check]:
    """Returns the checks of the radius, derived again, and of everything that a certificate of the STATED radius
    states.

    Numbers must be equal, but for bounds and probabilities one unit beside what is derived here that are sound all the
    same."""
    curve = bound_curve(stated.evidence, stated.bounds, alpha=share, band=stated.band)
    found = stated.terms.goal.radius(curve, sampled=stated.band != NO_SAMPLES.name)
    radius = _radius(stated, found, curve)
    derived = claims_at(
        stated.claims.radius if radius.passed else found,
        curve,
        stated.evidence,
        stated.terms,
    )
    if (stated.claims.stays is None) != (derived.stays is None):
        return [radius, _stays_of_another_band(stated)]
    return [
        radius,
        _w1_bound(stated.claims, derived, curve, stated.epsilon or derived.radius),
        _curve(stated.claims, derived, curve),
        _deviation(stated.claims, derived),
        _stays(stated, derived),
        *_keeps(stated, derived),
    ]


def _radius(stated: Certificate, derived: float, curve: BoundCurve) -> Check:
    claimed = stated.claims.radius
    if stated.keep is None:
        sound = _is_within(stated.tolerance, claimed, derived, curve)
    else:
        sound = _is_kept(stated, stated.keep, claimed, derived)
    if sound:
        return Check("radius", True, f"follows from the evidence: {claimed!r}")
    return Check("radius", False, f"states {claimed!r}, the evidence gives {derived!r}")


def _is_within(tolerance: float, radius: float, derived: float, curve: BoundCurve) -> bool:
    """Returns whether a radius is the one at this tolerance, or one unit beside it and still sound."""
    if radius == derived:
        return True
    if not one_unit_apart(radius, derived):
        return False
    return radius < derived or curve.at([radius])[0] * (1 - MACHINE) <= tolerance


def _curve(stated: Claims, derived: Claims, curve: BoundCurve) -> Check:
    epsilons = [e for e, _ in derived.curve]
    if [e for e, _ in stated.curve] != epsilons:
        return Check("curve", False, "is not stated at the epsilons that follow from the radius")
    exact = curve.at(epsilons)
    for (e, said), (_, printed), unrounded in zip(stated.curve, derived.curve, exact, strict=True):
        if not is_sound_bound(said, printed, unrounded):
            return Check("curve", False, f"states {said!r} at epsilon {e!r}, the evidence gives {printed!r}")
    return Check("curve", True, "follows from the evidence")


def _w1_bound(stated: Claims, derived: Claims, curve: BoundCurve, asked: float) -> Check:
    """Returns the check of the bound that is stated beside the curve: sound, and the same number as in the curve."""
    sound = is_sound_bound(stated.w1_bound, derived.w1_bound, curve.at([asked])[0])
    if sound and dict(stated.curve).get(asked) == stated.w1_bound:
        return Check("w1_bound", True, f"is the curve's at epsilon {asked!r}: {stated.w1_bound!r}")
    detail = f"states {stated.w1_bound!r} at epsilon {asked!r}, the evidence gives {derived.w1_bound!r}"
    return Check("w1_bound", False, detail)


def _deviation(stated: Claims, derived: Claims) -> Check:
    """Returns the check of T3's rows. They are order statistics, constants and sums of them, which every machine rounds
    alike."""
    for said, follows in zip(stated.deviation, derived.deviation, strict=False):
        if said != follows:
            return Check("deviation", False, f"states {said}, the evidence gives {follows}")
    same = len(stated.deviation) == len(derived.deviation)
    return Check("deviation", same, "follows from the evidence" if same else f"must have {len(derived.deviation)} rows")


def _stays(stated: Certificate, derived: Claims) -> Check:
    """Returns the check of the probabilities that the answer stays. They round down: one unit above is sound only where
    it is below the unrounded one."""
    if stated.claims.stays is None or derived.stays is None:
        return Check("stays", True, "is stated for two-valued distances only")
    if [e for e, _ in stated.claims.stays] != [e for e, _ in derived.stays]:
        return Check("stays", False, "is not stated at the epsilons of the curve")
    level = stated.survival.levels[0]
    for (e, said), (_, printed) in zip(stated.claims.stays, derived.stays, strict=True):
        least = max(0.0, 1 - float(np.max(stated.bounds.attacked(level, e))))
        if said != printed and not (one_unit_apart(said, printed) and said <= least * (1 + MACHINE)):
            return Check("stays", False, f"states {said!r} at epsilon {e!r}, the evidence gives {printed!r}")
    return Check("stays", True, "follows from the evidence")


def _keeps(stated: Certificate, derived: Claims) -> Iterable[Check]:
    """Yields the check of the radii of shares, where they are stated; they must be where a share was asked for."""
    if stated.claims.keeps is None:
        if stated.keep is not None:
            yield Check("keeps", False, f"must be stated, as the share {stated.keep!r} was asked for")
        return
    if derived.keeps is None:
        yield Check("keeps", False, f"is stated for two-valued distances only, which {stated.band!r} may not be")
        return
    if [kept.share for kept in stated.claims.keeps] != [kept.share for kept in derived.keeps]:
        yield Check("keeps", False, f"must state the shares {[kept.share for kept in derived.keeps]!r}")
        return
    for said, follows in zip(stated.claims.keeps, derived.keeps, strict=True):
        if not _is_kept(stated, said.share, said.radius, follows.radius):
            detail = f"states {said.radius!r} for the share {said.share!r}, the evidence gives {follows.radius!r}"
            yield Check("keeps", False, detail)
            return
    if stated.keep is not None and stated.claims.radius != dict(map(astuple, stated.claims.keeps))[stated.keep]:
        yield Check("keeps", False, f"states another radius for the share {stated.keep!r} than the certificate")
        return
    yield Check("keeps", True, "follows from the evidence")


def _is_kept(stated: Certificate, share: float, radius: float, derived: float) -> bool:
    """Returns whether a radius is the one of this share, or one unit beside it and still sound."""
    if radius == derived:
        return True
    if not one_unit_apart(radius, derived):
        return False
    return radius < derived or least_share(stated.survival, stated.bounds, radius) >= share * (1 - MACHINE)


def _stays_of_another_band(stated: Certificate) -> Check:
    return Check("stays", False, f"is stated for two-valued distances only, which {stated.band!r} may not be")
