"""Checks a stranger's certificate of edits: derives every claim from its runs again, and compares."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from smoothgen.certificates.checks.numbers import MACHINE, one_unit_apart
from smoothgen.certificates.checks.of_runs import same, verdict_on_runs
from smoothgen.certificates.edits.certificate import EditsCertificate
from smoothgen.certificates.edits.certify import require_sound_request
from smoothgen.certificates.edits.claims import derive_claims, least_share
from smoothgen.certificates.edits.document import from_document, to_document
from smoothgen.certificates.edits.meaning import judged, unknown_meaning
from smoothgen.certificates.edits.score_claims import derive_edits_score
from smoothgen.certificates.exhaustive.certificate import require_kept_whole
from smoothgen.certificates.meaning.scores import unknown_score
from smoothgen.certificates.score_claims import require_distinct
from smoothgen.certificates.verification import Check, Verification
from smoothgen.errors import InvalidInput

COMPLETENESS: Final = "completeness"
"""Name of the check on what the document alone cannot show."""
_UNCHECKED: Final = (
    "completeness unchecked: that the texts run are those of the set, and that it has as many, takes the prompt to see "
    "(smoothgen verify --prompt, or smoothgen.edits.verify_with_prompt)"
)
_TWICE: Final = ("runs", "failed", "confidence", "claims")


def verify_edits(document: Mapping[str, Any]) -> Verification:
    """Returns the verdict on a document of method edits/v1. Never raises for what a document says."""
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


def _derived(stated: EditsCertificate) -> Iterable[Check]:
    """Yields a check for every claim. All but a sampled share are comparisons, counts and decimal rounding, which give
    the same digits on every machine."""
    try:
        require_sound_request(stated.evidence, stated.tolerance, stated.alpha)
        require_kept_whole(stated.keep, stated.evidence.distances, stated.evidence.diameter)
        require_distinct([claim.asked for claim in stated.score_claims])
        alpha = stated.each_alpha
    except InvalidInput as error:
        yield Check("inputs", False, str(error))
        return
    yield Check("inputs", True, "alpha, tolerance and distances are in range")
    derived = derive_claims(stated.evidence, stated.tolerance, alpha)
    for name, value in vars(derived).items():
        given = getattr(stated.claims, name)
        if name == "share":
            yield _share(name, stated, stated.claims.share, derived.share, derived.kept)
        else:
            yield same(name, given, value)
    for place, claim in enumerate(stated.score_claims):
        proven, named = derive_edits_score(claim.scored, alpha), f"claims.{place}"
        yield _share(f"{named}.share", stated, claim.share, proven.share, proven.kept)
        for name in ("kept", "broken_by", "radius", "bound", "curve"):
            yield same(f"{named}.{name}", getattr(claim, name), getattr(proven, name))


def _share(name: str, stated: EditsCertificate, given: float, derived: float, kept: int) -> Check:
    """Returns the check of a share. kept: how many runs it rests on."""
    if _is_sound_share(stated, given, derived, kept):
        return Check(name, True, f"follows from the evidence: {given!r}")
    return same(name, given, derived)


def _is_sound_share(stated: EditsCertificate, share: float, derived: float, kept: int) -> bool:
    """Returns whether a share of a sampled set is one unit of the ninth digit beside the printed one, as another
    machine's inverse beta function can make it, and still not above the unrounded bound."""
    evidence = stated.evidence
    if evidence.seed is None or not one_unit_apart(share, derived):
        return False
    exact = least_share(evidence.runs - kept, evidence.runs, stated.each_alpha)
    return 0 <= share <= exact * (1 + MACHINE)
