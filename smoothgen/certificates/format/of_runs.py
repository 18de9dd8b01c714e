"""What documents of methods that run the model on listed prompts have in common: version 2, fields, digest, seed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final

from smoothgen.certificates.format.document import content_digest
from smoothgen.certificates.format.json_data import (
    require_mapping,
    require_number,
    require_plain,
    require_string,
    require_whole_number,
)
from smoothgen.errors import InvalidCertificate
from smoothgen.noise import SCHEME, Seed

SCHEMA: Final = "smoothgen/certificate/v2"
SECTIONS: Final = frozenset({"request", "model", "metric", "output"})
"""Sections of provenance that such a document may have; sampling and threat are of noise."""
_SEED: Final = re.compile(r"[0-9a-f]{32}")


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


def require_stated_twice(document: Mapping[str, Any], counts: Sequence[str], numbers: Sequence[str]) -> None:
    """Raises InvalidCertificate unless fields are of their kind that are not kept: they are stated beside the evidence
    that gives them, and `verify` compares the two.

    counts: fields that are whole numbers. numbers: further fields that are numbers.
    """
    for name in counts:
        require_whole_number(document[name], name)
    for name in numbers:
        require_number(document[name], name)
    for name in ("digest", "statement"):
        require_string(document[name], name)


def draws_document(seed: Seed | None) -> dict[str, Any] | None:
    """Returns the JSON form of the seed of what was drawn, None where nothing was."""
    return None if seed is None else {"seed": str(seed), "seed_origin": seed.origin, "noise_scheme": SCHEME}


def seed_of(value: Any, where: str = "draws") -> Seed:
    """Reads what `draws_document` writes. where: the name of the field. Raises InvalidCertificate."""
    fields = require_mapping(value, where)
    if set(fields) != {"seed", "seed_origin", "noise_scheme"} or fields["noise_scheme"] != SCHEME:
        raise InvalidCertificate(
            f"{where} has exactly seed, seed_origin, and noise_scheme {SCHEME!r}, got {dict(fields)!r:.200}",
            field=where,
        )
    seed, origin = require_string(fields["seed"], f"{where}.seed"), fields["seed_origin"]
    if not _SEED.fullmatch(seed):
        raise InvalidCertificate(
            f"{where}.seed must be 32 small hexadecimal digits, got {seed!r:.80}", field=f"{where}.seed"
        )
    if origin != "server" and origin != "client":
        raise InvalidCertificate(
            f"{where}.seed_origin must be 'server' or 'client', got {origin!r:.80}", field=f"{where}.seed_origin"
        )
    return Seed(int(seed, 16), origin)
