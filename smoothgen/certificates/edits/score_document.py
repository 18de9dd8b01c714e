"""Claims on scores of a certificate of edits as JSON data: a list in the document, and reading it back."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from smoothgen.certificates.edits.evidence import EditsEvidence
from smoothgen.certificates.edits.score_claims import EditsScoreClaim, ScoredEdits
from smoothgen.certificates.format.json_data import require_list, require_mapping, require_number, require_whole_number
from smoothgen.certificates.format.score_claims import asked_from_dict, asked_to_dict, require_claims
from smoothgen.certificates.packing import FLOAT64, in_base64, packed, unpacked
from smoothgen.errors import InvalidCertificate, InvalidDistances

_STATED: Final = {"share", "kept", "broken_by", "radius", "bound", "curve", "failed", "evidence"}


def edits_scores_to_list(claims: Sequence[EditsScoreClaim]) -> list[dict[str, Any]]:
    """Returns the claims as a certificate of edits states them."""
    return [
        {
            **asked_to_dict(claim.asked),
            "share": claim.share,
            "kept": claim.kept,
            "broken_by": claim.broken_by,
            "radius": claim.radius,
            "bound": claim.bound,
            "curve": [*map(list, claim.curve)],
            "failed": claim.scored.failed,
            "evidence": {
                "encoding": FLOAT64,
                "series": in_base64(claim.scored.series),
                "sha256": f"sha256:{hashlib.sha256(packed(claim.scored.series)).hexdigest()}",
            },
        }
        for claim in claims
    ]


def edits_scores_from_list(value: Any, runs: EditsEvidence) -> tuple[EditsScoreClaim, ...]:
    """Reads what `edits_scores_to_list` writes, as stated. runs: of the certificate. Raises InvalidCertificate."""
    return tuple(
        _claim(require_mapping(each, f"claims.{place}"), f"claims.{place}", runs)
        for place, each in enumerate(require_claims(value))
    )


def _claim(document: Any, where: str, runs: EditsEvidence) -> EditsScoreClaim:
    if not set(document) >= _STATED:
        raise InvalidCertificate(f"{where} must have {sorted(_STATED)}, got {sorted(document)!r:.200}", field=where)
    asked = asked_from_dict({name: said for name, said in document.items() if name not in _STATED}, where)
    require_whole_number(document["failed"], f"{where}.failed")
    evidence = require_mapping(document["evidence"], f"{where}.evidence")
    if set(evidence) != {"encoding", "series", "sha256"} or evidence["encoding"] != FLOAT64:
        raise InvalidCertificate(f"{where}.evidence has encoding {FLOAT64!r}, series and sha256", field=where)
    series = unpacked(evidence["series"], f"{where}.evidence.series")
    inside = (series >= 0) & ~np.signbit(series) & ((series <= asked.width) | np.isinf(series))  # refuses NaN too
    if not inside.all():
        raise InvalidCertificate(
            f"{where}.evidence.series must hold numbers in [0, {asked.width!r}], or infinity", field=where
        )
    try:
        scored = ScoredEdits(asked, runs, series)
    except InvalidDistances as error:
        raise InvalidCertificate(f"{where}: {error}", field=where) from error
    points = require_list(document["curve"], f"{where}.curve")
    if not all(isinstance(point, list) and len(point) == 2 for point in points):
        raise InvalidCertificate(f"{where}.curve must be a list of pairs of numbers", field=f"{where}.curve")
    broken, radius, bound = (document[name] for name in ("broken_by", "radius", "bound"))
    return EditsScoreClaim(
        scored=scored,
        share=require_number(document["share"], f"{where}.share"),
        kept=require_whole_number(document["kept"], f"{where}.kept"),
        broken_by=None if broken is None else require_whole_number(broken, f"{where}.broken_by"),
        radius=None if radius is None else require_whole_number(radius, f"{where}.radius"),
        bound=None if bound is None else require_number(bound, f"{where}.bound"),
        curve=tuple(
            (require_whole_number(m, f"{where}.curve"), require_number(bound, f"{where}.curve")) for m, bound in points
        ),
    )
