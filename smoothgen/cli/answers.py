"""The files that `smoothgen verify` is given: certificates, or answers and ledger records with a certificate inside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from smoothgen.certificates.format.document import parse_json
from smoothgen.errors import InvalidCertificate, InvalidInput
from smoothgen.ledger.records import RECORD, read_record

_OF_EVERY_JOB: Final = frozenset({"id", "status", "model", "progress"})
"""The fields that POST /generate and GET /jobs/{id} give of every job, however it stands."""
_OF_CERTIFICATES: Final = frozenset({"schema", "method", "digest", "statement", "evidence", "radius", "w1_bound"})
"""Fields by which a document claims to be a certificate: it is judged as it stands, as is one that holds a
certificate."""
_NO_CERTIFICATE: Final = "this is JSON, but no certificate; GET /certificates/{id} gives one"


@dataclass(frozen=True)
class Given:
    """A file's certificate. document: parsed, or the file's bytes where they are no JSON object. job: the id of the job
    whose answer it was in, None for a certificate on its own. signature: the one beside it in that answer."""

    document: Mapping[str, Any] | bytes
    job: str | None = None
    signature: str | None = None


def read_given(path: Path) -> Given:
    """Returns the certificate that is to be verified. What is no answer of a job is returned as it stands.

    Raises InvalidInput for a file that is not there, for an answer without a certificate, and for other JSON that has
    no field of a certificate; OSError for a file that cannot be read.
    """
    content = _content(path)
    try:
        document = parse_json(content)
    except InvalidCertificate:
        return Given(content)
    if not isinstance(document, Mapping):
        raise InvalidInput(f"{path}: nothing to verify: {_NO_CERTIFICATE}")
    if document.get("schema") == RECORD:
        record = read_record(document, str(path))
        if record.certificate is None:
            job = record.entry.job
            raise InvalidInput(f"{path}: nothing to verify: the record of job {job!r:.80} holds no certificate")
        signature = None if record.erased else record.entry.signature  # it is of the form that was issued
        return Given(record.certificate, record.entry.job, signature)
    if not _is_answer(document):
        if document.keys().isdisjoint(_OF_CERTIFICATES) and not isinstance(document.get("certificate"), Mapping):
            raise InvalidInput(f"{path}: nothing to verify: {_instead(document)}")
        return Given(document)
    job, inside, abstention = document["id"], document.get("certificate"), document.get("abstention")
    if isinstance(inside, Mapping):
        signature = document.get("signature")
        return Given(inside, job, signature if isinstance(signature, str) else None)
    if isinstance(abstention, Mapping):
        why = f"it is an abstention ({abstention.get('reason')!r:.80})"
    else:
        why = f"its status is {document['status']!r:.80}"
    raise InvalidInput(f"{path}: nothing to verify: the answer of job {job!r:.80} holds no certificate, {why}")


def _is_answer(document: Mapping[str, Any]) -> bool:
    return "schema" not in document and document.keys() >= _OF_EVERY_JOB and isinstance(document["id"], str)


def _content(path: Path) -> bytes:
    """Returns the file's bytes. Raises InvalidInput where there is no such file, or it is a folder; OSError."""
    if path.is_dir():
        raise InvalidInput(f"{path} is a folder; name the files in it that are to be verified")
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise InvalidInput(f"there is no file {path}; check its name, or save a certificate there first") from error


def _instead(document: Mapping[str, Any]) -> str:
    """Returns in words what a document is that has no field of a certificate."""
    status, ours = document.get("status"), document.get("smoothgen")
    if isinstance(status, int) and "title" in document:
        return f"a problem document: {status} {document['title']!r:.80}: {document.get('detail', '')!r:.200}"
    if isinstance(ours, Mapping):  # an answer under /v1
        status = ours.get("status")
    if isinstance(status, str):
        return f"it is an answer without a certificate: status {status!r:.80}"
    return _NO_CERTIFICATE
