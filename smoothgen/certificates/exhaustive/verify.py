"""Checks a stranger's exhaustive certificate: derives every claim from its runs again, and compares exactly."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, Final

from smoothgen.certificates.checks.of_runs import same, verdict_on_runs
from smoothgen.certificates.exhaustive.certificate import ExhaustiveCertificate, require_kept_whole
from smoothgen.certificates.exhaustive.certify import require_sound_request
from smoothgen.certificates.exhaustive.claims import BreakingRun, Keeps, derive_claims
from smoothgen.certificates.exhaustive.completeness import COMPLETENESS
from smoothgen.certificates.exhaustive.document import from_document, to_document
from smoothgen.certificates.exhaustive.meaning import judged, unknown_meaning
from smoothgen.certificates.meaning.scores import unknown_score
from smoothgen.certificates.score_claims import require_asked
from smoothgen.certificates.score_claims.exact import derive_exact
from smoothgen.certificates.verification import Check, Verification
from smoothgen.errors import InvalidInput

_UNCHECKED: Final = (
    "completeness unchecked: that no sequence cheaper than next_cost is missing, and that each costs what is stated, "
    "takes the table to see"
)
_TWICE: Final = ("runs", "failed", "alpha", "confidence")


def verify_exhaustive(document: Mapping[str, Any]) -> Verification:
    """Returns the verdict on a document of method exhaustive/v1. Never raises for what a document says."""
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
        twice=(*_TWICE, "claims") if "claims" in rebuilt else _TWICE,
        unchecked=Check(COMPLETENESS, True, _UNCHECKED),
        judged=judged(stated),
        known=unknown_meaning(stated) is None and unknown_score([claim.asked for claim in stated.score_claims]) is None,
        in_words=_in_words,
    )


def _derived(stated: ExhaustiveCertificate) -> Iterable[Check]:
    """Yields a check for every claim. Comparisons and decimal rounding give the same digits on every machine, so the
    numbers must be equal."""
    try:
        require_sound_request(stated.evidence, stated.tolerance, stated.epsilon)
        require_asked([claim.asked for claim in stated.score_claims], asks_shift=stated.asks_shift, keep=stated.keep)
        require_kept_whole(stated.keep, stated.evidence.distances, stated.evidence.diameter)
    except InvalidInput as error:
        yield Check("inputs", False, str(error))
        return
    yield Check("inputs", True, "tolerance, epsilon, costs and distances are in range and in order")
    derived = derive_claims(stated.evidence, stated.tolerance, stated.epsilon)
    for name, value in vars(derived).items():
        yield same(name, getattr(stated.claims, name), value, _in_words)
    yield from _scores(stated)
    bound, tolerance = derived.w1_bound, stated.tolerance
    reached = stated.epsilon is None or not stated.asks_shift or bound <= tolerance
    if stated.epsilon is None:
        detail = "none was asked"
    elif not stated.asks_shift:
        detail = "asks for the claims on scores alone"
    elif reached:
        detail = f"the bound at the asked epsilon is within the tolerance {tolerance!r}"
    else:
        detail = f"the bound {bound!r} at the asked epsilon {stated.epsilon!r} is above the tolerance {tolerance!r}"
    yield Check("epsilon", reached, detail)


def _scores(stated: ExhaustiveCertificate) -> Iterable[Check]:
    """Yields a check for every claim on a score, which must equal the one its runs give, and hold where it is asked."""
    for place, claim in enumerate(stated.score_claims):
        derived = derive_exact(claim.runs, stated.epsilon)
        name = f"claims.{place}"
        for field in ("radius", "bound", "curve", "broken_by"):
            yield same(f"{name}.{field}", getattr(claim, field), getattr(derived, field), _in_words)
        if stated.epsilon is not None:
            holds = derived.holds_at(stated.epsilon)
            yield Check(f"{name}.epsilon", holds, f"is proven to {derived.bound!r}, asked {claim.asked.limit!r}")


def _in_words(value: Any) -> str:
    """Returns a claim or another value of a certificate as people read it."""
    if value is None:
        return "none"
    if isinstance(value, str):
        return value
    if isinstance(value, float) and math.isinf(value):
        return "no limit"
    if isinstance(value, Keeps):
        return f"a share of {value.share!r} below norm {value.radius!r}"
    if isinstance(value, BreakingRun):
        ended = "failed" if value.distance is None else f"lies at distance {value.distance!r}"
        return f"run {value.index}, of cost {value.cost!r}, {ended}"
    if isinstance(value, tuple) and len(value) == 2 and all(isinstance(part, float) for part in value):
        return f"{value[1]!r} from norm {value[0]!r} on"
    if isinstance(value, tuple | list):
        return ", ".join(map(_in_words, value)) or "none"
    return repr(value)
