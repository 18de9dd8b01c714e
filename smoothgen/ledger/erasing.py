"""What is left of a certificate's document when the content of its job is erased."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from smoothgen.certificates.stored import read_certificate, to_document, without_words
from smoothgen.errors import InvalidCertificate


def erased_form(document: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Returns the document without the texts and outputs of its runs; None where there is none, or none that can be
    read, of which nothing is kept."""
    try:
        return None if document is None else to_document(without_words(read_certificate(document)))
    except InvalidCertificate:
        return None
