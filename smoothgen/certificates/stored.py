"""Certificates of every method as JSON documents and files."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from smoothgen.certificates.certificate import Certificate
from smoothgen.certificates.edits import document as edits_document
from smoothgen.certificates.edits.certificate import EditsCertificate
from smoothgen.certificates.exhaustive import document as exhaustive_document
from smoothgen.certificates.exhaustive.certificate import ExhaustiveCertificate
from smoothgen.certificates.format import document as noise_document
from smoothgen.certificates.format.document import parse_json
from smoothgen.certificates.units import document as units_document
from smoothgen.certificates.units.certificate import UnitsCertificate

AnyCertificate = Certificate | ExhaustiveCertificate | EditsCertificate | UnitsCertificate


def to_document(certificate: AnyCertificate) -> dict[str, Any]:
    """Returns the certificate as JSON-ready data, `digest` included. Raises InvalidCertificate for what JSON cannot
    hold."""
    if isinstance(certificate, ExhaustiveCertificate):
        return exhaustive_document.to_document(certificate)
    if isinstance(certificate, EditsCertificate):
        return edits_document.to_document(certificate)
    if isinstance(certificate, UnitsCertificate):
        return units_document.to_document(certificate)
    return noise_document.to_document(certificate)


def read_certificate(document: Any) -> AnyCertificate:
    """Returns the certificate that a document states, of whichever method, without judging it: `verify` does that.

    Raises InvalidCertificate naming the field that is missing, foreign or of the wrong kind.
    """
    if exhaustive_document.is_exhaustive(document):
        return exhaustive_document.from_document(document)
    if edits_document.is_of_edits(document):
        return edits_document.from_document(document)
    if units_document.is_of_units(document):
        return units_document.from_document(document)
    return noise_document.from_document(document)


def statement_of(certificate: AnyCertificate) -> str:
    """Returns what the certificate says in words: the `statement` of its document. Raises InvalidCertificate for what
    JSON cannot hold."""
    return str(to_document(certificate)["statement"])


def without_words(certificate: AnyCertificate) -> AnyCertificate:
    """Returns the certificate without texts and outputs of its runs, which are nearly the prompt and its output. No
    number rests on them."""
    if isinstance(certificate, ExhaustiveCertificate):
        return replace(certificate, text=None, output=None)
    if isinstance(certificate, EditsCertificate):
        return replace(certificate, texts=None, outputs=None)
    return certificate


def load_certificate(source: str | Path) -> AnyCertificate:
    """Reads a certificate from a file, as stated; `verify(path)` judges it. Raises InvalidCertificate, OSError."""
    return read_certificate(parse_json(Path(source).read_bytes()))


def save_certificate(certificate: AnyCertificate, path: str | Path) -> None:
    """Writes a certificate as indented JSON."""
    Path(path).write_text(json.dumps(to_document(certificate), indent=2) + "\n", encoding="utf-8")
