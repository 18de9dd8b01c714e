"""Exhaustive certificates as JSON: schema "smoothgen/certificate/v2", method "exhaustive/v1"."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from smoothgen.certificates.exhaustive.certificate import EXHAUSTIVE_V1, ExhaustiveCertificate
from smoothgen.certificates.exhaustive.claims import BreakingRun, ExhaustiveClaims, Keeps
from smoothgen.certificates.exhaustive.evidence import ExhaustiveEvidence
from smoothgen.certificates.exhaustive.score_claims import exact_from_list, exact_to_list
from smoothgen.certificates.exhaustive.statement import statement
from smoothgen.certificates.exhaustive.threat import SnapThreat
from smoothgen.certificates.format.document import read_wording
from smoothgen.certificates.format.json_data import (
    require_list,
    require_mapping,
    require_number,
    require_string,
    require_whole_number,
)
from smoothgen.certificates.format.of_runs import (
    SCHEMA,
    SECTIONS,
    draws_document,
    require_fields,
    require_stated_twice,
    sealed,
    seed_of,
)
from smoothgen.certificates.format.score_claims import read_asks_shift
from smoothgen.certificates.provenance import Provenance
from smoothgen.errors import InvalidCertificate

_CLAIMS: Final = {"statement", "radius", "w1_bound", "curve", "keeps", "broken_by"}
_ASKED: Final = {"schema", "method", "tolerance", "epsilon", "confidence", "alpha"}
_RESTS_ON: Final = {"diameter", "runs", "failed", "next_cost", "evidence", "digest"}
_REQUIRED: Final = _CLAIMS | _ASKED | _RESTS_ON
_OPTIONAL: Final = {"id", "requested_at", "threat", "claims", "wording", "asks_shift", "keep", "randomness"} | SECTIONS
_BREAKING: Final = {"index", "cost", "distance"}


def is_exhaustive(document: Any) -> bool:
    """Returns whether a document calls itself one of this method."""
    return isinstance(document, Mapping) and document.get("method") == EXHAUSTIVE_V1


def to_document(certificate: ExhaustiveCertificate) -> dict[str, Any]:
    """Returns the certificate as JSON-ready data, `digest` included. An infinite radius is null.

    Raises InvalidCertificate for what JSON cannot hold.
    """
    evidence, claims = certificate.evidence, certificate.claims
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "id": certificate.id,
        "requested_at": certificate.requested_at,
        "wording": certificate.wording,
        "statement": statement(certificate),
        "method": certificate.method,
        "radius": _finite(claims.radius),
        "w1_bound": claims.w1_bound,
        "tolerance": certificate.tolerance,
        "epsilon": certificate.epsilon,
        "keep": certificate.keep,
        "confidence": certificate.confidence,
        "alpha": certificate.alpha,
        "diameter": evidence.diameter,
        "runs": evidence.runs,
        "failed": evidence.failed,
        "next_cost": evidence.next_cost,
        "curve": [*map(list, claims.curve)],
        "keeps": [{"share": kept.share, "radius": _finite(kept.radius)} for kept in claims.keeps],
        "broken_by": _breaking_document(certificate),
        **certificate.provenance.to_dict(),
        "threat": None if certificate.threat is None else certificate.threat.to_dict(),
        "claims": exact_to_list(certificate.score_claims) or None,
        "asks_shift": None if certificate.asks_shift else False,
        "randomness": draws_document(certificate.randomness),
        "evidence": evidence.to_dict(),
    }
    return sealed(document, _OPTIONAL)


def from_document(document: Any) -> ExhaustiveCertificate:
    """Returns the certificate as stated, without judging it: `verify` does that.

    Raises InvalidCertificate naming the field that is missing, foreign or of the wrong kind, and for runs that are no
    evidence.
    """
    require_fields(document, method=EXHAUSTIVE_V1, required=_REQUIRED, optional=_OPTIONAL)
    require_stated_twice(document, (), ("runs", "failed", "confidence", "alpha"))
    broken = document["broken_by"]
    evidence = ExhaustiveEvidence.from_dict(
        document["evidence"],
        diameter=require_number(document["diameter"], "diameter"),
        next_cost=_optional_number(document["next_cost"], "next_cost"),
    )
    return ExhaustiveCertificate(
        evidence=evidence,
        tolerance=require_number(document["tolerance"], "tolerance"),
        epsilon=_optional_number(document["epsilon"], "epsilon"),
        claims=ExhaustiveClaims(
            radius=_infinite(document["radius"], "radius"),
            w1_bound=require_number(document["w1_bound"], "w1_bound"),
            curve=tuple(_pair(point) for point in require_list(document["curve"], "curve")),
            keeps=tuple(_keeps(kept) for kept in require_list(document["keeps"], "keeps")),
            broken_by=None if broken is None else _breaking(broken),
        ),
        text=None if broken is None else _optional_string(broken, "text"),
        output=None if broken is None else _optional_string(broken, "output"),
        threat=SnapThreat.from_dict(document["threat"]) if "threat" in document else None,
        provenance=Provenance.from_dict({name: document[name] for name in SECTIONS if name in document}),
        id=require_string(document["id"], "id") if "id" in document else None,
        requested_at=require_string(document["requested_at"], "requested_at") if "requested_at" in document else None,
        score_claims=exact_from_list(document["claims"], evidence.costs, evidence.next_cost)
        if "claims" in document
        else (),
        wording=read_wording(document["wording"]) if "wording" in document else None,
        asks_shift=read_asks_shift(document),
        keep=require_number(document["keep"], "keep") if "keep" in document else None,
        randomness=seed_of(document["randomness"], "randomness") if "randomness" in document else None,
    )


def _finite(radius: float) -> float | None:
    return None if math.isinf(radius) else radius


def _infinite(value: Any, where: str) -> float:
    return math.inf if value is None else require_number(value, where)


def _optional_number(value: Any, where: str) -> float | None:
    return None if value is None else require_number(value, where)


def _optional_string(section: Mapping[str, Any], name: str) -> str | None:
    return require_string(section[name], f"broken_by.{name}") if name in section else None


def _breaking_document(certificate: ExhaustiveCertificate) -> dict[str, Any] | None:
    broken = certificate.claims.broken_by
    if broken is None:
        return None
    words = {"text": certificate.text, "output": certificate.output}
    return {**vars(broken), **{name: value for name, value in words.items() if value is not None}}


def _breaking(value: Any) -> BreakingRun:
    fields = require_mapping(value, "broken_by")
    if not _BREAKING <= set(fields) <= _BREAKING | {"text", "output"}:
        raise InvalidCertificate(
            f"broken_by has exactly {sorted(_BREAKING)}, and may have text and output, got {sorted(fields)!r:.200}",
            field="broken_by",
        )
    return BreakingRun(
        index=require_whole_number(fields["index"], "broken_by.index"),
        cost=require_number(fields["cost"], "broken_by.cost"),
        distance=_optional_number(fields["distance"], "broken_by.distance"),
    )


def _keeps(value: Any) -> Keeps:
    fields = require_mapping(value, "keeps")
    if set(fields) != {"share", "radius"}:
        raise InvalidCertificate(
            f"keeps entries have exactly share and radius, got {sorted(fields)!r:.200}", field="keeps"
        )
    return Keeps(require_number(fields["share"], "keeps.share"), _infinite(fields["radius"], "keeps.radius"))


def _pair(value: Any) -> tuple[float, float]:
    pair = require_list(value, "curve")
    if len(pair) != 2:
        raise InvalidCertificate("curve must be a list of pairs of numbers", field="curve")
    return require_number(pair[0], "curve"), require_number(pair[1], "curve")
