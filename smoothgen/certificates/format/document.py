"""Certificates as JSON: schema "smoothgen/certificate/v2", its digest, and reading it and v1 back."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from smoothgen.certificates.bounds.bands import NO_SAMPLES, band_by_name
from smoothgen.certificates.bounds.lipschitz import Lipschitz
from smoothgen.certificates.bounds.looks import LookPlan
from smoothgen.certificates.bounds.shift_bounds import METHODS, SPREAD_V1, method_by_name
from smoothgen.certificates.certificate import PLAIN_V1, Certificate, Claims, Deviation, KeptShare
from smoothgen.certificates.evidence import Evidence
from smoothgen.certificates.format.canonical import canonical
from smoothgen.certificates.format.json_data import (
    require_list,
    require_mapping,
    require_number,
    require_plain,
    require_string,
)
from smoothgen.certificates.format.score_claims import claims_from_list, claims_to_list, read_asks_shift
from smoothgen.certificates.format.statement import statement
from smoothgen.certificates.provenance import Provenance
from smoothgen.certificates.sigma_selection import SigmaSelection
from smoothgen.errors import InvalidCertificate, InvalidInput
from smoothgen.mechanisms import mechanism_from_dict

Section = TypeVar("Section")
_CLAIMS: Final = {"radius", "w1_bound", "curve", "deviation", "stays", "statement"}
_ASKED: Final = {"tolerance", "epsilon", "confidence", "alpha", "alpha_split", "method", "band"}
_RESTS_ON: Final = {"mechanism", "bound", "diameter", "samples", "failed", "evidence"}
_REQUIRED: Final = {"schema", "digest"} | _CLAIMS | _ASKED | _RESTS_ON
_SECTIONS: Final = {"request", "model", "metric", "sampling", "output", "threat"}
_LATER: Final = {"keep", "keeps", "wording", "claims", "asks_shift"}
"""What documents of v2 state since the field was added; older ones verify without it."""
_OPTIONAL: Final = {"id", "requested_at", "looks", "sigma_selection", "lipschitz"} | _LATER | _SECTIONS
_WITHOUT_NOISE: Final = ("exhaustive/v1", "edits/v1", "units/v1")
_SINCE_V2: Final = {
    "rounding_slack": None,
    "keep": None,
    "keeps": None,
    "claims": None,
    "asks_shift": None,
    "wording": None,
    "request": {"template"},
    "sampling": {"precision", "batch_size", "batch_sensitivity", "snap"},
    "sigma_selection": {"rounding_slack"},
}
"""What certificate/v1 does not define: top-level fields, and fields of a section."""


def to_document(certificate: Certificate) -> dict[str, Any]:
    """Returns the certificate as JSON-ready data, `digest` included."""
    evidence, claims = certificate.evidence, certificate.claims
    document: dict[str, Any] = {
        "schema": method_by_name(certificate.method).schema,
        "id": certificate.id,
        "requested_at": certificate.requested_at,
        "wording": certificate.wording,
        "statement": statement(certificate),
        "method": certificate.method,
        "band": certificate.band,
        "radius": claims.radius,
        "w1_bound": claims.w1_bound,
        "tolerance": certificate.tolerance,
        "epsilon": certificate.epsilon,
        "keep": certificate.keep,
        "confidence": certificate.confidence,
        "alpha": certificate.alpha,
        "alpha_split": _alpha_split(certificate),
        "looks": None if certificate.looks is None else _looks_document(certificate.looks, evidence.samples),
        "sigma_selection": None if certificate.sigma_selection is None else certificate.sigma_selection.to_dict(),
        "lipschitz": None if certificate.lipschitz is None else certificate.lipschitz.to_dict(),
        "bound": evidence.bound,
        "diameter": evidence.diameter,
        "samples": evidence.samples,
        "failed": evidence.failed,
        "rounding_slack": None if certificate.method == SPREAD_V1.name else certificate.rounding_slack,
        "mechanism": certificate.mechanism.to_dict(),
        **claims.lists(),
        "claims": claims_to_list(certificate.score_claims) or None,
        "asks_shift": None if certificate.asks_shift else False,
        **certificate.provenance.to_dict(),
        "evidence": evidence.to_dict(),
    }
    document = {k: v for k, v in document.items() if v is not None or k not in _OPTIONAL | {"rounding_slack"}}
    document["digest"] = content_digest(document)
    return document


def _alpha_split(certificate: Certificate) -> dict[str, float]:
    """Returns how the band of the distances spends its share, and the share of each claim on a score."""
    share = certificate.look_alpha
    split = dict(band_by_name(certificate.band).split(certificate.evidence.samples, share))
    return {**split, "each_claim": share} if certificate.score_claims else split


def content_digest(document: Mapping[str, Any]) -> str:
    """Returns the sha256 over the document in canonical JSON (`canonical`), without `digest` itself.

    The distances enter through evidence.sha256, so the digest covers them at constant cost.

    Raises InvalidCertificate for what JSON cannot hold.
    """
    covered = {k: v for k, v in document.items() if k != "digest"}
    if isinstance(covered.get("evidence"), Mapping):
        covered["evidence"] = {k: v for k, v in covered["evidence"].items() if k != "distances"}
    return f"sha256:{hashlib.sha256(canonical(covered).encode('ascii')).hexdigest()}"


def from_document(document: Any) -> Certificate:
    """Reads a certificate as stated, without judging it: `verify` does that.

    Raises InvalidCertificate naming the field that is missing, foreign or of the wrong kind.
    """
    if not isinstance(document, Mapping):
        raise InvalidCertificate(f"a certificate is a JSON object, got {type(document).__name__}")
    require_plain(document)
    schema, schemas = document.get("schema"), [m.schema for m in METHODS.values()]
    if schema not in schemas:
        inside = isinstance(document.get("certificate"), Mapping)
        hint = "; this looks like a job's answer, whose certificate is its field 'certificate'" if inside else ""
        raise InvalidCertificate(f"schema must be one of {schemas}, got {schema!r:.80}{hint}", field="schema")
    if document.get("method") in _WITHOUT_NOISE:
        raise InvalidCertificate(
            f"method {document['method']!r} rests on no noise; smoothgen.certificates.read_certificate reads it",
            field="method",
        )
    first = schema == SPREAD_V1.schema
    if first:
        _require_v1(document)
    required = _REQUIRED if first else _REQUIRED | {"rounding_slack"}
    missing, foreign = required - set(document), set(document) - required - _OPTIONAL
    if missing or foreign:
        raise InvalidCertificate(f"fields missing: {sorted(missing)}; unknown fields: {sorted(foreign)}")
    number = _reader(document, require_number)
    # Stated twice, so not kept; `verify` compares them with what the evidence gives.
    for name in ("samples", "failed", "confidence"):
        number(name)
    for name, share in require_mapping(document["alpha_split"], "alpha_split").items():
        require_number(share, f"alpha_split.{name}")
    for name in ("digest", "statement"):
        require_string(document[name], name)
    try:
        mechanism = mechanism_from_dict(require_mapping(document["mechanism"], "mechanism"))
    except InvalidCertificate:
        raise
    except InvalidInput as error:
        raise InvalidCertificate(f"mechanism: {error}", field="mechanism") from error
    return Certificate(
        evidence=Evidence.from_dict(
            document["evidence"],
            bound=number("bound"),
            diameter=number("diameter"),
            may_be_empty=document["band"] == NO_SAMPLES.name,
        ),
        mechanism=mechanism,
        alpha=number("alpha"),
        tolerance=number("tolerance"),
        epsilon=None if document["epsilon"] is None else number("epsilon"),
        claims=Claims(
            radius=number("radius"),
            w1_bound=number("w1_bound"),
            curve=_pairs(document["curve"], "curve"),
            deviation=tuple(_deviation(d) for d in require_list(document["deviation"], "deviation")),
            stays=None if document["stays"] is None else _pairs(document["stays"], "stays"),
            keeps=_keeps(document["keeps"]) if "keeps" in document else None,
        ),
        band=require_string(document["band"], "band"),
        method=require_string(document["method"], "method"),
        provenance=Provenance.from_dict(document),
        id=require_string(document["id"], "id") if "id" in document else None,
        requested_at=require_string(document["requested_at"], "requested_at") if "requested_at" in document else None,
        looks=_looks(document["looks"]) if "looks" in document else None,
        sigma_selection=_optional(SigmaSelection.from_dict, document, "sigma_selection"),
        lipschitz=_optional(Lipschitz.from_dict, document, "lipschitz"),
        rounding_slack=0.0 if first else number("rounding_slack"),
        keep=number("keep") if "keep" in document else None,
        score_claims=claims_from_list(document["claims"]) if "claims" in document else (),
        wording=read_wording(document["wording"]) if "wording" in document else None,
        asks_shift=read_asks_shift(document),
    )


def parse_json(text: str | bytes) -> Any:
    """Returns the data of a JSON text. Raises InvalidCertificate for anything that is not strict JSON (NaN included),
    and for a key stated twice in one object: two readers could see two different numbers."""

    def refuse(constant: str) -> Any:
        raise InvalidCertificate(f"a certificate holds finite numbers only, got {constant}")

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        read = dict(pairs)
        if len(read) != len(pairs):
            [(twice, _)] = Counter(key for key, _ in pairs).most_common(1)
            raise InvalidCertificate(f"key {twice!r:.80} is stated more than once", field=twice)
        return read

    try:
        return json.loads(text, parse_constant=refuse, object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        if isinstance(error, InvalidCertificate):
            raise
        raise InvalidCertificate(f"not JSON: {error}") from error


def _require_v1(document: Mapping[str, Any]) -> None:
    """Raises InvalidCertificate for a v1 document that states what only v2 knows."""
    for section, fields in _SINCE_V2.items():
        inside = document.get(section)
        later = {section} if fields is None else fields & set(inside) if isinstance(inside, Mapping) else set()
        if section in document and later:
            raise InvalidCertificate(f"{section} states {sorted(later)}, which certificate/v1 does not know")


def _reader(document: Mapping[str, Any], read: Callable[[Any, str], float]) -> Callable[[str], float]:
    return lambda name: read(document[name], name)


def _looks_document(looks: LookPlan, samples: int) -> dict[str, Any]:
    return {**looks.to_dict(), "taken": looks.look_at(samples)}


def _looks(value: Any) -> LookPlan:
    """Returns the plan. Which look was taken follows from the number of samples, and `verify` compares."""
    fields = dict(require_mapping(value, "looks"))
    taken = fields.pop("taken", None)
    if isinstance(taken, bool) or not isinstance(taken, int) or taken < 0:
        raise InvalidCertificate(f"looks.taken must be a whole number, got {taken!r:.80}", field="looks.taken")
    return _sound(LookPlan.from_dict, fields, "looks")


def _sound(read: Callable[[Any], Section], value: Any, name: str) -> Section:
    """Reads a section whose class refuses what is out of range, as a fault of the document."""
    try:
        return read(value)
    except InvalidCertificate:
        raise
    except InvalidInput as error:
        raise InvalidCertificate(f"{name}: {error}", field=error.field) from error


def _optional(read: Callable[[Any], Section], document: Mapping[str, Any], name: str) -> Section | None:
    return _sound(read, document[name], name) if name in document else None


def _pairs(value: Any, where: str) -> tuple[tuple[float, float], ...]:
    pairs = require_list(value, where)
    if not all(isinstance(p, list) and len(p) == 2 for p in pairs):
        raise InvalidCertificate(f"{where} must be a list of pairs of numbers", field=where)
    return tuple((require_number(a, where), require_number(b, where)) for a, b in pairs)


def read_wording(value: Any) -> str:
    """Returns the name of the words of a statement. Raises InvalidCertificate for another than this library writes."""
    if value != PLAIN_V1:
        raise InvalidCertificate(f"wording must be {PLAIN_V1!r}, got {value!r:.80}", field="wording")
    return PLAIN_V1


def _keeps(value: Any) -> tuple[KeptShare, ...]:
    kept = [require_mapping(entry, "keeps") for entry in require_list(value, "keeps")]
    if any(set(entry) != {"share", "radius"} for entry in kept):
        raise InvalidCertificate("keeps entries have exactly share and radius", field="keeps")
    return tuple(
        KeptShare(require_number(entry["share"], "keeps.share"), require_number(entry["radius"], "keeps.radius"))
        for entry in kept
    )


def _deviation(value: Any) -> Deviation:
    fields = require_mapping(value, "deviation")
    names = [f.name for f in dataclasses.fields(Deviation)]
    if set(fields) != set(names):
        raise InvalidCertificate(f"deviation entries have exactly {names}, got {sorted(fields)}", field="deviation")
    optional = fields["to_output"]
    return Deviation(
        epsilon=require_number(fields["epsilon"], "deviation.epsilon"),
        gamma=require_number(fields["gamma"], "deviation.gamma"),
        to_centre=require_number(fields["to_centre"], "deviation.to_centre"),
        to_output=None if optional is None else require_number(optional, "deviation.to_output"),
    )
