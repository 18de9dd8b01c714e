"""Claims on scores as JSON data: a list in the certificate, and reading it back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from smoothgen.certificates.evidence import Evidence
from smoothgen.certificates.format.json_data import (
    require_list,
    require_mapping,
    require_number,
    require_string,
)
from smoothgen.certificates.score_claims.asked import PLUGIN_V1, AskedClaim, ScoreIdentity
from smoothgen.certificates.score_claims.certified import ScoreClaim
from smoothgen.errors import InvalidCertificate, InvalidClaim

_SCORE: Final = {"name", "range", "two_valued", "options"}
_ASKED: Final = {"at_most", "at_least", "above"}
_STATED: Final = {"radius", "bound", "curve", "failed", "evidence"}


def read_asks_shift(document: Mapping[str, Any]) -> bool:
    """Returns whether a document asks for its claim on the distribution at the asked epsilon, as all do that do not say
    `false`. Raises InvalidCertificate for another value."""
    if "asks_shift" in document and document["asks_shift"] is not False:
        raise InvalidCertificate(
            f"asks_shift is false or left out, got {document['asks_shift']!r:.80}", field="asks_shift"
        )
    return "asks_shift" not in document


def asked_to_dict(claim: AskedClaim) -> dict[str, Any]:
    """Returns what is asked as JSON data. Fields that say nothing are left out."""
    score = claim.score
    identity: dict[str, Any] = {
        "name": score.name,
        "range": [score.least, score.most],
        "two_valued": score.two_valued,
        "options": dict(score.options),
    }
    for name in ("digest", "wording"):
        if getattr(score, name) is not None:
            identity[name] = getattr(score, name)
    said = {name: getattr(claim, name) for name in sorted(_ASKED)}
    return {"score": identity, "of": claim.of, **{name: value for name, value in said.items() if value is not None}}


def asked_from_dict(document: Any, where: str = "claims") -> AskedClaim:
    """Reads what `asked_to_dict` writes. Raises InvalidCertificate, also for a claim that is none."""
    fields = require_mapping(document, where)
    score = require_mapping(fields.get("score"), f"{where}.score")
    missing, foreign = _SCORE - set(score), set(score) - _SCORE - {"digest", "wording"}
    if missing or foreign or not {"of"} <= set(fields) <= {"score", "of"} | _ASKED:
        raise InvalidCertificate(
            f"{where} has score (name, range, two_valued, options, perhaps digest and wording), of and what is "
            f"asked of it, got {sorted(fields)!r:.200} and in score {sorted(score)!r:.200}",
            field=where,
        )
    ends = require_list(score["range"], f"{where}.score.range")
    if len(ends) != 2 or not isinstance(score["two_valued"], bool):
        raise InvalidCertificate(
            f"{where}.score has a range of two numbers, and two_valued is true or false", field=where
        )
    try:
        return AskedClaim(
            ScoreIdentity(
                require_string(score["name"], f"{where}.score.name"),
                require_number(ends[0], f"{where}.score.range"),
                require_number(ends[1], f"{where}.score.range"),
                two_valued=score["two_valued"],
                options=require_mapping(score["options"], f"{where}.score.options"),
                digest=require_string(score["digest"], f"{where}.score.digest") if "digest" in score else None,
                wording=_wording(score["wording"], f"{where}.score.wording") if "wording" in score else None,
            ),
            of=require_string(fields["of"], f"{where}.of"),
            **{name: require_number(fields[name], f"{where}.{name}") for name in _ASKED & set(fields)},
        )
    except InvalidClaim as error:
        raise InvalidCertificate(f"{where}: {error}", field=where) from error


def _wording(value: Any, where: str) -> str:
    if value != PLUGIN_V1:
        raise InvalidCertificate(f"{where} must be {PLUGIN_V1!r}, got {value!r:.80}", field=where)
    return PLUGIN_V1


def claims_to_list(claims: Sequence[ScoreClaim]) -> list[dict[str, Any]]:
    """Returns the claims as a certificate of noise states them."""
    return [
        {
            **asked_to_dict(claim.asked),
            "radius": claim.radius,
            "bound": claim.bound,
            "curve": [*map(list, claim.curve)],
            "failed": claim.evidence.failed,
            "evidence": claim.evidence.to_dict(),
        }
        for claim in claims
    ]


def claims_from_list(value: Any) -> tuple[ScoreClaim, ...]:
    """Reads what `claims_to_list` writes, as stated. Raises InvalidCertificate, also for an empty list: a certificate
    without claims on scores has no such field."""
    return tuple(
        _claim(require_mapping(each, f"claims.{place}"), f"claims.{place}")
        for place, each in enumerate(require_claims(value))
    )


def require_claims(value: Any) -> list[Any]:
    """Returns a list of claims. Raises InvalidCertificate where it is none, or is empty."""
    claims = require_list(value, "claims")
    if not claims:
        raise InvalidCertificate(
            "claims must hold one claim at least; leave it out where there is none", field="claims"
        )
    return claims


def _claim(fields: Mapping[str, Any], where: str) -> ScoreClaim:
    if not set(fields) >= _STATED:
        raise InvalidCertificate(f"{where} must have {sorted(_STATED)}, got {sorted(fields)!r:.200}", field=where)
    asked = asked_from_dict({name: value for name, value in fields.items() if name not in _STATED}, where)
    require_number(fields["failed"], f"{where}.failed")
    points = require_list(fields["curve"], f"{where}.curve")
    if not all(isinstance(point, list) and len(point) == 2 for point in points):
        raise InvalidCertificate(f"{where}.curve must be a list of pairs of numbers", field=f"{where}.curve")
    radius = fields["radius"]
    return ScoreClaim(
        asked=asked,
        evidence=Evidence.from_dict(fields["evidence"], bound=asked.width, diameter=asked.width),
        radius=None if radius is None else require_number(radius, f"{where}.radius"),
        bound=require_number(fields["bound"], f"{where}.bound"),
        curve=tuple((require_number(e, f"{where}.curve"), require_number(b, f"{where}.curve")) for e, b in points),
    )
