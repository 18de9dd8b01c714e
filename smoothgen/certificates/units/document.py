"""Certificates of units as JSON: schema "smoothgen/certificate/v2", method "units/v1"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from smoothgen.certificates.bounds.looks import LookPlan
from smoothgen.certificates.evidence import Evidence
from smoothgen.certificates.format.json_data import (
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
from smoothgen.certificates.units.certificate import UNITS_V1, UnitsCertificate
from smoothgen.certificates.units.choice import UnitChoice
from smoothgen.certificates.units.claims import UnitsClaims
from smoothgen.certificates.units.score_document import rows_of, unit_scores_from_list, unit_scores_to_list
from smoothgen.certificates.units.statement import statement
from smoothgen.certificates.units.threat import UnitsThreat
from smoothgen.errors import InvalidCertificate, InvalidInput

_CLAIMS: Final = {"statement", "radius", "w1_bound", "share", "majority", "kept", "curve", "keeps"}
_ASKED: Final = {"schema", "method", "tolerance", "keep", "altered", "confidence", "alpha"}
_RESTS_ON: Final = {"choice", "two_valued", "bound", "diameter", "runs", "failed", "missing", "evidence", "digest"}
_REQUIRED: Final = _CLAIMS | _ASKED | _RESTS_ON
_OPTIONAL: Final = {"id", "requested_at", "looks", "draws", "threat", "claims", "asks_shift"} | SECTIONS
_COUNTS: Final = ("runs", "failed", "missing")


def is_of_units(document: Any) -> bool:
    """Returns whether a document calls itself one of this method."""
    return isinstance(document, Mapping) and document.get("method") == UNITS_V1


def to_document(certificate: UnitsCertificate) -> dict[str, Any]:
    """Returns the certificate as JSON-ready data, `digest` included.

    Raises InvalidCertificate for what JSON cannot hold, InvalidDistances for a number of runs that is no look.
    """
    evidence, claims, looks = certificate.evidence, certificate.claims, certificate.looks
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "id": certificate.id,
        "requested_at": certificate.requested_at,
        "statement": statement(certificate),
        "method": certificate.method,
        "radius": claims.radius,
        "share": claims.share,
        "w1_bound": claims.w1_bound,
        "majority": claims.majority,
        "keeps": None if claims.keeps is None else [*map(list, claims.keeps)],
        "curve": [*map(list, claims.curve)],
        "keep": certificate.keep,
        "tolerance": certificate.tolerance,
        "altered": certificate.altered,
        "confidence": certificate.confidence,
        "alpha": certificate.alpha,
        "looks": None if looks is None else {**looks.to_dict(), "taken": looks.look_at(evidence.samples)},
        "choice": certificate.choice.to_dict(),
        "two_valued": certificate.two_valued,
        "bound": evidence.bound,
        "diameter": evidence.diameter,
        "runs": evidence.samples,
        "failed": evidence.failed,
        "missing": certificate.missing,
        "kept": claims.kept,
        **certificate.provenance.to_dict(),
        "threat": None if certificate.threat is None else certificate.threat.to_dict(),
        "draws": draws_document(certificate.seed),
        "claims": unit_scores_to_list(certificate.score_claims) or None,
        "asks_shift": None if certificate.asks_shift else False,
        "evidence": evidence.to_dict(),
    }
    return sealed(document, _OPTIONAL)


def from_document(document: Any) -> UnitsCertificate:
    """Returns the certificate as stated, without judging it: `verify` does that.

    Raises InvalidCertificate naming the field that is missing, foreign or of the wrong kind, and for runs that are no
    evidence.
    """
    require_fields(document, method=UNITS_V1, required=_REQUIRED, optional=_OPTIONAL)
    require_stated_twice(document, _COUNTS, ("confidence",))
    if not isinstance(document["two_valued"], bool):
        raise InvalidCertificate(
            f"two_valued must be true or false, got {document['two_valued']!r:.80}", field="two_valued"
        )
    keeps = document["keeps"]
    return UnitsCertificate(
        evidence=Evidence.from_dict(
            document["evidence"],
            bound=require_number(document["bound"], "bound"),
            diameter=require_number(document["diameter"], "diameter"),
        ),
        choice=UnitChoice.from_dict(document["choice"]),
        seed=seed_of(document["draws"]) if "draws" in document else None,
        alpha=require_number(document["alpha"], "alpha"),
        tolerance=_number_or_none(document, "tolerance"),
        keep=_number_or_none(document, "keep"),
        altered=_whole_or_none(document, "altered"),
        two_valued=document["two_valued"],
        claims=UnitsClaims(
            radius=require_whole_number(document["radius"], "radius"),
            w1_bound=require_number(document["w1_bound"], "w1_bound"),
            curve=rows_of(document["curve"], "curve"),
            share=_number_or_none(document, "share"),
            keeps=None if keeps is None else rows_of(keeps, "keeps"),
            majority=_whole_or_none(document, "majority"),
            kept=_whole_or_none(document, "kept"),
        ),
        looks=_looks(document["looks"]) if "looks" in document else None,
        threat=UnitsThreat.from_dict(document["threat"]) if "threat" in document else None,
        provenance=Provenance.from_dict({name: document[name] for name in SECTIONS if name in document}),
        id=require_string(document["id"], "id") if "id" in document else None,
        requested_at=require_string(document["requested_at"], "requested_at") if "requested_at" in document else None,
        score_claims=unit_scores_from_list(document["claims"]) if "claims" in document else (),
        asks_shift=read_asks_shift(document),
    )


def _number_or_none(document: Mapping[str, Any], name: str) -> float | None:
    return None if document[name] is None else require_number(document[name], name)


def _whole_or_none(document: Mapping[str, Any], name: str) -> int | None:
    return None if document[name] is None else require_whole_number(document[name], name)


def _looks(value: Any) -> LookPlan:
    """Returns the plan. Which look was taken follows from the number of runs, and `verify` compares."""
    fields = dict(require_mapping(value, "looks"))
    require_whole_number(fields.pop("taken", None), "looks.taken")
    try:
        return LookPlan.from_dict(fields)
    except InvalidCertificate:
        raise
    except InvalidInput as error:
        raise InvalidCertificate(f"looks: {error}", field=error.field) from error
