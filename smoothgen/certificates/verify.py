"""Checks a stranger's certificate: recomputes what it states, and compares its words with this library's definitions.

`checks` recomputes the claims and compares what is stated twice, `meaning` judges the words.
Documents of methods exhaustive/v1, edits/v1 and units/v1 rest on no noise and have checks of their own
(`exhaustive.verify`, `edits.verify`, `units.verify`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from smoothgen.certificates.bounds.shift_bounds import METHODS, SPREAD_V1
from smoothgen.certificates.certificate import Certificate
from smoothgen.certificates.checks.recomputed import recomputed
from smoothgen.certificates.checks.stated_twice import stated_twice
from smoothgen.certificates.edits.document import is_of_edits
from smoothgen.certificates.edits.verify import verify_edits
from smoothgen.certificates.exhaustive.document import is_exhaustive
from smoothgen.certificates.exhaustive.verify import verify_exhaustive
from smoothgen.certificates.format.document import content_digest, from_document, parse_json
from smoothgen.certificates.meaning.judgement import judged, unknown_meaning
from smoothgen.certificates.meaning.scores import unknown_score
from smoothgen.certificates.stored import AnyCertificate, to_document
from smoothgen.certificates.units.document import is_of_units
from smoothgen.certificates.units.verify import verify_units
from smoothgen.certificates.verification import Check, Verification
from smoothgen.errors import InvalidInput

__all__ = ["Check", "Verification", "verify"]


Verifiable = AnyCertificate | Mapping[str, Any] | str | bytes | Path


def verify(certificate: Verifiable) -> Verification:
    """Recomputes a certificate from its evidence and compares every stated number. Needs no model and no server.

    Accepts a certificate of any method, its JSON document (parsed or as text), or a Path. A document that is no
    certificate at all gives a verdict too: one failed check, `document`. Where this library knows a name in it (metric,
    threat, random numbers), what the document says beside the name must agree with what the library knows.
    `Verification.meaning` says whether all names are known.

    What it cannot know, for there is no signature: whether the distances were honestly measured, at the σ stated, with
    the model named (docs/decisions/0013). The digest catches changes, not forgery: anyone can compute one.

    Raises OSError when a path cannot be read.
    """
    try:
        document = parsed(certificate)
        if is_exhaustive(document):
            return verify_exhaustive(document)
        if is_of_edits(document):
            return verify_edits(document)
        if is_of_units(document):
            return verify_units(document)
        stated = from_document(document)
    except InvalidInput as error:
        return Verification((Check("document", False, str(error)),))
    checks = [Check("document", True, f"reads as {document['schema']}"), _method(document["schema"], stated.method)]
    if not checks[-1].passed:
        return Verification(tuple(checks))
    checks += [_digest(document), _evidence(document, stated), *recomputed(stated), *stated_twice(document, stated)]
    checks += judged(stated)
    known = stated.method != SPREAD_V1.name and unknown_meaning(stated.provenance) is None
    known = known and unknown_score(stated.terms.score_claims) is None
    verdict = Verification(tuple(checks))
    return Verification(verdict.checks, "checked") if known and verdict.valid else verdict


def parsed(certificate: Verifiable) -> Any:
    """Returns the JSON data of a certificate in any of its forms. Raises InvalidCertificate for a text that is no JSON,
    OSError."""
    if isinstance(certificate, AnyCertificate):
        return to_document(certificate)
    if isinstance(certificate, Path):
        return parse_json(certificate.read_bytes())
    if isinstance(certificate, str | bytes):
        return parse_json(certificate)
    return certificate


def _method(schema: str, name: str) -> Check:
    """Returns the check that this library knows the method, and that its documents have this schema."""
    known = [m.name for m in METHODS.values() if m.schema == schema]
    found = name in known
    return Check("method", found, f"{name!r:.80}" + ("" if found else f"; documents of {schema} are of {known}"))


def _digest(document: Mapping[str, Any]) -> Check:
    computed = content_digest(document)
    matches = document["digest"] == computed
    return Check(
        "digest",
        matches,
        "matches the content" if matches else f"stated {document['digest']!r:.80}, is {computed}",
    )


def _evidence(document: Mapping[str, Any], stated: Certificate) -> Check:
    evidence = document["evidence"]
    computed = stated.evidence.sha256
    matches = evidence["sha256"] == computed
    return Check(
        "evidence",
        matches,
        "matches its sha256" if matches else f"stated {evidence['sha256']!r:.80}, is {computed}",
    )
