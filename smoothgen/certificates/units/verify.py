"""Checks a stranger's certificate of units: derives every claim from its runs again, and compares."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypedDict

from smoothgen.certificates.checks.numbers import MACHINE, one_unit_apart
from smoothgen.certificates.checks.of_runs import same, verdict_on_runs
from smoothgen.certificates.checks.recomputed import is_sound_bound
from smoothgen.certificates.checks.score_claims import is_sound_score_bound
from smoothgen.certificates.evidence import Evidence
from smoothgen.certificates.meaning.scores import unknown_score
from smoothgen.certificates.score_claims import require_asked, require_distinct
from smoothgen.certificates.units.certificate import UnitsCertificate
from smoothgen.certificates.units.certify import alpha_of_look, require_sound_request
from smoothgen.certificates.units.claims import Rows, UnitBounds, claims_of, derive_claims
from smoothgen.certificates.units.document import from_document, to_document
from smoothgen.certificates.units.meaning import judged, unknown_meaning
from smoothgen.certificates.units.score_claims import (
    UnitScoreBounds,
    UnitScoreClaim,
    derive_unit_score,
    score_claim_of,
    unit_score_bounds,
)
from smoothgen.certificates.verification import Check, Verification
from smoothgen.errors import InvalidAlpha, InvalidDistances, InvalidInput

COMPLETENESS: Final = "completeness"
"""Name of the check on what the document alone cannot show."""
_UNCHECKED: Final = (
    "completeness unchecked: that every run read the units that the choice says, in order, without their number or "
    "places, takes the units to see"
)
_TWICE: Final = ("runs", "failed", "missing", "confidence", "looks", "claims")


class _Asked(TypedDict):
    """What is asked of the law of the outputs."""

    tolerance: float | None
    keep: float | None
    altered: int | None
    asks_shift: bool


def verify_units(document: Mapping[str, Any]) -> Verification:
    """Returns the verdict on a document of method units/v1. Never raises for what a document says."""
    try:
        stated = from_document(document)
        rebuilt = to_document(stated)
    except InvalidInput as error:
        return Verification((Check("document", False, str(error)),))
    return verdict_on_runs(
        document,
        rebuilt,
        evidence_digest=stated.evidence.sha256,
        derived=_derived(stated),
        twice=[name for name in _TWICE if name in rebuilt],
        unchecked=Check(COMPLETENESS, True, _UNCHECKED),
        judged=judged(stated),
        known=unknown_meaning(stated) is None and unknown_score([claim.asked for claim in stated.score_claims]) is None,
    )


def _derived(stated: UnitsCertificate) -> Iterable[Check]:
    """Yields a check for every claim. Rows may be one unit of the ninth digit beside what is derived here, as another
    machine can round them, where they are sound all the same; what is read from rows is read from the stated ones."""
    try:
        bounds = _require_sound_inputs(stated)
    except InvalidInput as error:
        yield Check("inputs", False, str(error))
        return
    yield Check("inputs", True, "alpha, choice, claim and distances are in range")
    claims = stated.claims
    asked: _Asked = {
        "tolerance": stated.tolerance,
        "keep": stated.keep,
        "altered": stated.altered,
        "asks_shift": stated.asks_shift,
    }
    derived = derive_claims(bounds, **asked)
    rows = [_rows("curve", claims.curve, derived.curve, lambda m, s, d: is_sound_bound(s, d, bounds.exact_w1(m)))]
    if claims.keeps is None or derived.keeps is None:
        rows.append(same("keeps", claims.keeps, derived.keeps))
    else:
        rows.append(_rows("keeps", claims.keeps, derived.keeps, lambda m, s, d: _is_sound_share(bounds, m, s, d)))
    yield from rows
    if not all(check.passed for check in rows):
        return
    read = claims_of(claims.curve, claims.keeps, bounds.kept, **asked)
    for name in ("radius", "w1_bound", "share", "majority", "kept"):
        yield same(name, getattr(claims, name), getattr(read, name))
    yield from _scores(stated)
    proven = stated.altered is None or not stated.asks_shift or read.radius >= stated.altered
    yield Check(
        "altered",
        proven,
        "what was asked is proven"
        if proven
        else f"was asked for {stated.altered} altered units, and the claim is proven for {read.radius}",
    )


def _scores(stated: UnitsCertificate) -> Iterable[Check]:
    """Yields a check for every claim on a score."""
    evidence = [claim.evidence for claim in stated.score_claims]
    bounds = unit_score_bounds([claim.asked for claim in stated.score_claims], evidence, stated.choice, _alpha(stated))
    for place, (claim, bound) in enumerate(zip(stated.score_claims, bounds, strict=True)):
        yield Check(f"claims.{place}", *_verdict(claim, bound, stated.altered))


def _verdict(claim: UnitScoreClaim, bounds: UnitScoreBounds, altered: int | None) -> tuple[bool, str]:
    """Returns whether a claim on a score follows from its evidence, and the finding in words."""
    derived = derive_unit_score(bounds, altered)
    rows = _rows(
        "curve",
        claim.curve,
        derived.curve,
        lambda m, said, printed: (
            not bounds.is_counted and is_sound_score_bound(claim.asked, said, printed, bounds.full(m))
        ),
    )
    if not rows.passed:
        return False, f"its curve {rows.detail}"
    read = score_claim_of(claim.asked, claim.evidence, claim.curve, altered)
    for name in ("radius", "bound"):
        said, follows = getattr(claim, name), getattr(read, name)
        if said != follows:
            return False, f"states {name} {said!r}, its curve gives {follows!r}"
    if altered is not None and not read.holds_at(altered):
        return False, f"was asked for {altered} altered units, and is proven to {read.bound!r}"
    return True, f"follows from the evidence: radius {claim.radius!r}, bound {claim.bound!r}"


def _alpha(stated: UnitsCertificate) -> float | None:
    return alpha_of_look(stated.evidence.samples, stated.seed, stated.alpha, stated.looks)


def _require_sound_inputs(stated: UnitsCertificate) -> UnitBounds:
    """Refuses what `certify_units` refuses. Returns the bounds that follow from the evidence."""
    evidence = stated.evidence
    Evidence.from_measurements(evidence.distances, bound=evidence.bound, diameter=evidence.diameter)
    require_sound_request(
        evidence,
        stated.choice,
        stated.seed,
        tolerance=stated.tolerance,
        keep=stated.keep,
        alpha=stated.alpha,
        two_valued=stated.two_valued,
        altered=stated.altered,
    )
    if (
        stated.looks is not None
        and stated.looks.sizes == (evidence.samples,)
        and stated.looks.alphas == (stated.alpha,)
    ):
        raise InvalidAlpha("a single look that spends all of alpha is no plan; leave looks out", field="looks")
    scored = [claim.asked for claim in stated.score_claims]
    require_asked(scored, asks_shift=stated.asks_shift, keep=stated.keep)
    require_distinct(scored)
    for claim in stated.score_claims:
        width, series = claim.asked.width, claim.evidence
        Evidence.from_measurements(series.distances, bound=width, diameter=width)
        if series.samples != evidence.samples:
            raise InvalidDistances(f"a claim rests on {series.samples} runs, the certificate on {evidence.samples}")
    _alpha(stated)  # refuses a number of runs that is no look, and looks that spend too much
    return stated.bounds


def _rows(name: str, stated: Rows, derived: Rows, is_sound: Callable[[int, float, float], bool]) -> Check:
    if [m for m, _ in stated] != [m for m, _ in derived]:
        return Check(name, False, f"must have a row for each of 0 … {derived[-1][0]} altered units")
    for (m, said), (_, printed) in zip(stated, derived, strict=True):
        if said != printed and not is_sound(m, said, printed):
            return Check(name, False, f"states {said!r} with {m} altered, the evidence gives {printed!r}")
    return Check(name, True, "follows from the evidence")


def _is_sound_share(bounds: UnitBounds, altered: int, stated: float, printed: float) -> bool:
    """Returns whether a share from drawn runs is one unit beside the printed one and not above the unrounded one. Of
    all subsets it is a quotient of whole numbers, which every machine rounds alike."""
    if bounds.alpha is None or not one_unit_apart(stated, printed):
        return False
    return 0 <= stated <= bounds.exact_share(altered) * (1 + MACHINE)
