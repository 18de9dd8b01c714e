"""What documents of methods that run the model on listed prompts have in common: version 2, fields, digest."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Any, Final

from smoothgen.certificates.format.document import content_digest
from smoothgen.certificates.format.json_data import require_mapping, require_plain
from smoothgen.errors import InvalidCertificate

SCHEMA: Final = "smoothgen/certificate/v2"
SECTIONS: Final = frozenset({"request", "model", "metric", "output"})
"""Sections of provenance that such a document may have; sampling and threat are of noise."""


def sealed(document: dict[str, Any], optional: AbstractSet[str]) -> dict[str, Any]:
    """Returns the document without the optional fields that are None, and with its digest.

    Raises InvalidCertificate for what JSON cannot hold.
    """
    whole = {name: value for name, value in document.items() if value is not None or name not in optional}
    return {**whole, "digest": content_digest(whole)}


def require_fields(document: Any, *, method: str, required: AbstractSet[str], optional: AbstractSet[str]) -> None:
    """Raises InvalidCertificate unless the document is plain JSON data of this method with the fields it must have and
    no foreign ones."""
    require_plain(require_mapping(document, "a certificate"))
    if document.get("schema") != SCHEMA or document.get("method") != method:
        raise InvalidCertificate(
            f"method {method!r} is of schema {SCHEMA!r}, got {document.get('schema')!r:.80} and "
            f"{document.get('method')!r:.80}",
            field="schema",
        )
    missing, foreign = required - set(document), set(document) - required - optional
    if missing or foreign:
        raise InvalidCertificate(f"fields missing: {sorted(missing)}; unknown fields: {sorted(foreign)}")
