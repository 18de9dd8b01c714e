"""Claims on scores of a certificate of units as JSON data: a list in the document, and reading it back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from smoothgen.certificates.evidence import Evidence
from smoothgen.certificates.format.json_data import require_list, require_mapping, require_number, require_whole_number
from smoothgen.certificates.format.score_claims import asked_from_dict, asked_to_dict, require_claims
from smoothgen.certificates.units.claims import Rows
from smoothgen.certificates.units.score_claims import UnitScoreClaim
from smoothgen.errors import InvalidCertificate

_STATED: Final = {"radius", "bound", "curve", "failed", "evidence"}


def unit_scores_to_list(claims: Sequence[UnitScoreClaim]) -> list[dict[str, Any]]:
    """Returns the claims as a certificate of units states them."""
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


def unit_scores_from_list(value: Any) -> tuple[UnitScoreClaim, ...]:
    """Reads what `unit_scores_to_list` writes, as stated. Raises InvalidCertificate."""
    return tuple(
        _claim(require_mapping(each, f"claims.{place}"), f"claims.{place}")
        for place, each in enumerate(require_claims(value))
    )


def _claim(document: Any, where: str) -> UnitScoreClaim:
    if not set(document) >= _STATED:
        raise InvalidCertificate(f"{where} must have {sorted(_STATED)}, got {sorted(document)!r:.200}", field=where)
    asked = asked_from_dict({name: said for name, said in document.items() if name not in _STATED}, where)
    require_whole_number(document["failed"], f"{where}.failed")
    radius = document["radius"]
    return UnitScoreClaim(
        asked=asked,
        evidence=Evidence.from_dict(document["evidence"], bound=asked.width, diameter=asked.width),
        radius=None if radius is None else require_whole_number(radius, f"{where}.radius"),
        bound=require_number(document["bound"], f"{where}.bound"),
        curve=rows_of(document["curve"], f"{where}.curve"),
    )


def rows_of(value: Any, where: str) -> Rows:
    """Reads a list of pairs of a whole number and a number. Raises InvalidCertificate."""
    rows = require_list(value, where)
    if not all(isinstance(row, list) and len(row) == 2 for row in rows):
        raise InvalidCertificate(f"{where} must be a list of pairs of numbers", field=where)
    return tuple((require_whole_number(m, where), require_number(number, where)) for m, number in rows)
