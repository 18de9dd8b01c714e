"""Certificates of edits as JSON: schema "smoothgen/certificate/v2", method "edits/v1"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from smoothgen.certificates.edits.certificate import EditsCertificate
from smoothgen.certificates.edits.claims import BreakingEdit, EditsClaims
from smoothgen.certificates.edits.evidence import EditsEvidence
from smoothgen.certificates.edits.identity import EDITS_V1, EditSetIdentity
from smoothgen.certificates.edits.score_document import edits_scores_from_list, edits_scores_to_list
from smoothgen.certificates.edits.statement import statement
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
from smoothgen.certificates.provenance import Provenance
from smoothgen.errors import InvalidCertificate

_CLAIMS: Final = {
    "statement", "share", "kept", "unchanged", "broken", "broken_by", "w1_bound", "radius", "curve",
}  # fmt: skip
_ASKED: Final = {"schema", "method", "tolerance", "confidence", "alpha"}
_RESTS_ON: Final = {"diameter", "size", "singles", "runs", "failed", "evidence", "digest"}
_REQUIRED: Final = _CLAIMS | _ASKED | _RESTS_ON
_OPTIONAL: Final = {"id", "requested_at", "draws", "edit_set", "claims", "keep"} | SECTIONS
_COUNTS: Final = ("runs", "failed")


def is_of_edits(document: Any) -> bool:
    """Returns whether a document calls itself one of this method."""
    return isinstance(document, Mapping) and document.get("method") == EDITS_V1


def to_document(certificate: EditsCertificate) -> dict[str, Any]:
    """Returns the certificate as JSON-ready data, `digest` included.

    Raises InvalidCertificate for what JSON cannot hold.
    """
    evidence, claims = certificate.evidence, certificate.claims
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "id": certificate.id,
        "requested_at": certificate.requested_at,
        "statement": statement(certificate),
        "method": certificate.method,
        "share": claims.share,
        "w1_bound": claims.w1_bound,
        "radius": claims.radius,
        "curve": [*map(list, claims.curve)],
        "tolerance": certificate.tolerance,
        "keep": certificate.keep,
        "confidence": certificate.confidence,
        "alpha": certificate.alpha,
        "diameter": evidence.diameter,
        "size": evidence.size,
        "singles": evidence.singles,
        "runs": evidence.runs,
        "failed": evidence.failed,
        "kept": claims.kept,
        "unchanged": claims.unchanged,
        "broken": claims.broken,
        "broken_by": _broken_document(certificate),
        **certificate.provenance.to_dict(),
        "edit_set": None if certificate.edit_set is None else certificate.edit_set.to_dict(),
        "draws": draws_document(evidence.seed),
        "claims": edits_scores_to_list(certificate.score_claims) or None,
        "evidence": evidence.to_dict(),
    }
    return sealed(document, _OPTIONAL)


def from_document(document: Any) -> EditsCertificate:
    """Returns the certificate as stated, without judging it: `verify` does that.

    Raises InvalidCertificate naming the field that is missing, foreign or of the wrong kind, and for runs that are no
    evidence.
    """
    require_fields(document, method=EDITS_V1, required=_REQUIRED, optional=_OPTIONAL)
    require_stated_twice(document, _COUNTS, ("confidence",))
    radius, bound = document["radius"], document["w1_bound"]
    broken = [_breaking(edit) for edit in require_list(document["broken_by"], "broken_by")]
    evidence = EditsEvidence.from_dict(
        document["evidence"],
        size=require_whole_number(document["size"], "size"),
        singles=require_whole_number(document["singles"], "singles"),
        diameter=require_number(document["diameter"], "diameter"),
        seed=seed_of(document["draws"]) if "draws" in document else None,
    )
    return EditsCertificate(
        evidence=evidence,
        tolerance=require_number(document["tolerance"], "tolerance"),
        alpha=require_number(document["alpha"], "alpha"),
        claims=EditsClaims(
            share=require_number(document["share"], "share"),
            kept=require_whole_number(document["kept"], "kept"),
            unchanged=require_whole_number(document["unchanged"], "unchanged"),
            broken=require_whole_number(document["broken"], "broken"),
            broken_by=tuple(edit for edit, _, _ in broken),
            w1_bound=None if bound is None else require_number(bound, "w1_bound"),
            radius=None if radius is None else require_whole_number(radius, "radius"),
            curve=tuple(_point(point) for point in require_list(document["curve"], "curve")),
        ),
        texts=_texts([text for _, text, _ in broken]),
        outputs=_outputs([(edit, output) for edit, _, output in broken]),
        edit_set=EditSetIdentity.from_dict(document["edit_set"]) if "edit_set" in document else None,
        provenance=Provenance.from_dict({name: document[name] for name in SECTIONS if name in document}),
        id=require_string(document["id"], "id") if "id" in document else None,
        requested_at=require_string(document["requested_at"], "requested_at") if "requested_at" in document else None,
        score_claims=edits_scores_from_list(document["claims"], evidence) if "claims" in document else (),
        keep=require_number(document["keep"], "keep") if "keep" in document else None,
    )


def _broken_document(certificate: EditsCertificate) -> list[dict[str, Any]]:
    edits = []
    for place, edit in enumerate(certificate.claims.broken_by):
        stated: dict[str, Any] = dict(vars(edit))
        for name, words in (("text", certificate.texts), ("output", certificate.outputs)):
            if words is not None and words[place] is not None:
                stated[name] = words[place]
        edits.append(stated)
    return edits


def _breaking(value: Any) -> tuple[BreakingEdit, str | None, str | None]:
    fields = require_mapping(value, "broken_by")
    if not {"index", "distance"} <= set(fields) <= {"index", "distance", "text", "output"}:
        raise InvalidCertificate(
            f"broken_by entries have index and distance, and may have text and output, got {sorted(fields)!r:.200}",
            field="broken_by",
        )
    distance = fields["distance"]
    edit = BreakingEdit(
        index=require_whole_number(fields["index"], "broken_by.index"),
        distance=None if distance is None else require_number(distance, "broken_by.distance"),
    )
    text, output = (
        require_string(fields[name], f"broken_by.{name}") if name in fields else None for name in ("text", "output")
    )
    return edit, text, output


def _texts(stated: list[str | None]) -> tuple[str, ...] | None:
    given = [text for text in stated if text is not None]
    if len(given) not in (0, len(stated)):
        raise InvalidCertificate("broken_by states the text of all edits or of none", field="broken_by.text")
    return tuple(given) if given else None


def _outputs(stated: list[tuple[BreakingEdit, str | None]]) -> tuple[str | None, ...] | None:
    given = {output is not None for edit, output in stated if edit.distance is not None}
    if len(given) > 1 or any(output is not None for edit, output in stated if edit.distance is None):
        raise InvalidCertificate(
            "broken_by states the output of all edits that did not fail, or of none", field="broken_by.output"
        )
    return tuple(output for _, output in stated) if given == {True} else None


def _point(value: Any) -> tuple[int, float]:
    point = require_list(value, "curve")
    if len(point) != 2:
        raise InvalidCertificate("curve must be a list of pairs of numbers", field="curve")
    return require_whole_number(point[0], "curve"), require_number(point[1], "curve")
