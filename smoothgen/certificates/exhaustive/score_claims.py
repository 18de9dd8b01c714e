"""Claims on scores of runs as JSON data: a list in a certificate of exhaustive/v1, and reading it back."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from smoothgen.certificates.format.json_data import require_list, require_mapping, require_number, require_whole_number
from smoothgen.certificates.format.score_claims import asked_from_dict, asked_to_dict, require_claims
from smoothgen.certificates.packing import FLOAT64, in_base64, packed, unpacked
from smoothgen.certificates.score_claims.exact import ExactClaim, ScoredRuns
from smoothgen.errors import InvalidCertificate

_STATED: Final = {"radius", "bound", "curve", "broken_by", "failed", "evidence"}


def exact_to_list(claims: Sequence[ExactClaim]) -> list[dict[str, Any]]:
    """Returns the claims as a certificate of exhaustive/v1 states them. An infinite radius is null."""
    return [
        {
            **asked_to_dict(claim.asked),
            "radius": None if math.isinf(claim.radius) else claim.radius,
            "bound": claim.bound,
            "curve": [*map(list, claim.curve)],
            "broken_by": claim.broken_by,
            "failed": claim.runs.failed,
            "evidence": {
                "encoding": FLOAT64,
                "series": in_base64(claim.runs.series),
                "sha256": _digest(claim.runs.series),
            },
        }
        for claim in claims
    ]


def exact_from_list(value: Any, costs: NDArray[np.float64], next_cost: float | None) -> tuple[ExactClaim, ...]:
    """Reads what `exact_to_list` writes, as stated. costs, next_cost: of the evidence. Raises InvalidCertificate."""
    return tuple(
        _exact(require_mapping(each, f"claims.{place}"), f"claims.{place}", costs, next_cost)
        for place, each in enumerate(require_claims(value))
    )


def _exact(document: Any, where: str, costs: NDArray[np.float64], next_cost: float | None) -> ExactClaim:
    if not set(document) >= _STATED:
        raise InvalidCertificate(f"{where} must have {sorted(_STATED)}, got {sorted(document)!r:.200}", field=where)
    asked = asked_from_dict({name: said for name, said in document.items() if name not in _STATED}, where)
    require_number(document["failed"], f"{where}.failed")
    evidence = require_mapping(document["evidence"], f"{where}.evidence")
    if set(evidence) != {"encoding", "series", "sha256"} or evidence["encoding"] != FLOAT64:
        raise InvalidCertificate(f"{where}.evidence has encoding {FLOAT64!r}, series and sha256", field=where)
    series = unpacked(evidence["series"], f"{where}.evidence.series")
    inside = (series >= 0) & ~np.signbit(series) & ((series <= asked.width) | np.isinf(series))  # refuses NaN too
    if series.shape != costs.shape or not inside.all():
        raise InvalidCertificate(
            f"{where}.evidence.series must have a number in [0, {asked.width!r}], or infinity, for each of "
            f"{len(costs)} runs",
            field=where,
        )
    radius, broken = document["radius"], document["broken_by"]
    points = require_list(document["curve"], f"{where}.curve")
    if not all(isinstance(point, list) and len(point) == 2 for point in points):
        raise InvalidCertificate(f"{where}.curve must be a list of pairs of numbers", field=f"{where}.curve")
    return ExactClaim(
        runs=ScoredRuns(asked, costs, next_cost, series),
        radius=math.inf if radius is None else require_number(radius, f"{where}.radius"),
        bound=require_number(document["bound"], f"{where}.bound"),
        curve=tuple((require_number(e, f"{where}.curve"), require_number(b, f"{where}.curve")) for e, b in points),
        broken_by=None if broken is None else require_whole_number(broken, f"{where}.broken_by"),
    )


def _digest(series: NDArray[np.float64]) -> str:
    return f"sha256:{hashlib.sha256(packed(series)).hexdigest()}"
