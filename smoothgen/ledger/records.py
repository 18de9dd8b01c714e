"""Entries of a ledger as JSON: what an export has on each line, and what the API gives of one job.

A **record** is an entry with its certificate, a **closing** is the head up to which the entries are told. Both name in
`skipped` the content hashes of the entries before them that are not told, so that the chain from the first record to
the closing can be computed without them. No database is needed to read them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

from smoothgen.certificates.format.document import parse_json
from smoothgen.errors import InvalidCertificate, InvalidInput
from smoothgen.ledger.chain import ERASURE, SCHEMA, Entry, Head
from smoothgen.ledger.checking import Check, Checked

RECORD: Final = "smoothgen/ledger-record/v1"
CLOSING: Final = "smoothgen/ledger-closing/v1"
_TEXTS: Final = tuple(field.name for field in fields(Entry) if field.name != "sequence")
_MAY_BE_NULL: Final = {"certificate", "reason", "signature"}


@dataclass(frozen=True)
class Record:
    """An entry as it is told. certificate: what is held of its certificate's document, None where nothing is.

    erased, left: whether that was erased, and the digest of what its erasure says is left.
    """

    entry: Entry
    certificate: Mapping[str, Any] | None = None
    erased: bool = False
    left: str | None = None
    skipped: Sequence[str] = ()

    def to_json(self) -> dict[str, Any]:
        """Returns the record as JSON data."""
        return {
            "schema": RECORD,
            "skipped": list(self.skipped),
            "entry": {"schema": SCHEMA, **self.entry.fields},
            "previous": self.entry.previous,
            "hash": self.entry.hash,
            "erased": self.erased,
            "left": self.left,
            "certificate": self.certificate,
        }


def closing(head: Head, skipped: Sequence[str]) -> dict[str, Any]:
    """Returns a closing as JSON data. skipped: of the entries between the last record and the head."""
    return {"schema": CLOSING, "skipped": list(skipped), "sequence": head.sequence, "hash": head.hash}


def check_lines(lines: Iterable[bytes], *, full: bool) -> Checked:
    """Checks an export, line by line. full: whether certificates are recomputed.

    Raises InvalidInput for what is no export, naming the line.
    """
    check, number, closed = Check(full=full), 0, False
    for number, line in enumerate(lines, start=1):
        document = _object(line, number)
        if closed:
            raise InvalidInput(f"line {number} stands after the closing of the export; give one export")
        skipped = [str(each) for each in document.get("skipped") or ()]
        if document.get("schema") == CLOSING:
            if number == 1:  # nothing was asked for that there is
                check.begin(_head(document, number))
            check.skip(skipped)
            check.end(_head(document, number))
            closed = True
        else:
            record = read_record(document, f"line {number}")
            if number == 1:
                check.begin(Head(record.entry.sequence - 1, record.entry.previous))
            check.skip(skipped)
            if not check.entry(record.entry, record.certificate, record.left, erased=record.erased):
                return check.result
            if isinstance(proof := document.get("proof"), Mapping):  # the API's answer about one job
                check.skip([str(each) for each in proof.get("skipped") or ()])
                check.end(_head(proof, number))
                closed = True
    if number == 0:
        raise InvalidInput("the export is empty; `smoothgen ledger export` writes a closing at least")
    if not closed:
        raise InvalidInput("the export has no closing as its last line: it is cut off; export it again")
    return check.result


def read_record(document: Mapping[str, Any], where: str) -> Record:
    """Returns a record that JSON data holds. Raises InvalidInput, naming the place `where` it stands."""
    said = document.get("entry")
    if document.get("schema") != RECORD or not isinstance(said, Mapping) or said.get("schema") != SCHEMA:
        raise InvalidInput(f"{where} is no record of a ledger (schema {RECORD} with an entry of {SCHEMA})")
    values = {**said, "previous": document.get("previous"), "hash": document.get("hash")}
    del values["schema"]
    certificate = document.get("certificate")
    texts = all(
        isinstance(values.get(name), str) or (values.get(name) is None and name in _MAY_BE_NULL) for name in _TEXTS
    )
    is_whole = isinstance(values.get("sequence"), int) and not isinstance(values.get("sequence"), bool)
    if not texts or not is_whole or len(values) != len(_TEXTS) + 1:
        raise InvalidInput(f"{where}: its entry has other fields than {', '.join(sorted((*_TEXTS, 'sequence')))}")
    if certificate is not None and not isinstance(certificate, Mapping):
        raise InvalidInput(f"{where}: its certificate is no JSON object")
    left = document.get("left")
    return Record(
        entry=Entry(**values),
        certificate=certificate,
        erased=document.get("erased") is True,
        left=left if isinstance(left, str) else None,
    )


def left_by(erasures: Iterable[Entry]) -> dict[str, str | None]:
    """Returns the digest of what erasures say is left, by job."""
    return {entry.job: entry.certificate for entry in erasures if entry.event == ERASURE}


def _object(line: bytes, number: int) -> Mapping[str, Any]:
    try:
        document = parse_json(line)
    except InvalidCertificate as error:
        raise InvalidInput(f"line {number} of the export is no JSON: {error}") from error
    if not isinstance(document, Mapping):
        raise InvalidInput(f"line {number} of the export is no JSON object")
    return document


def _head(document: Mapping[str, Any], number: int) -> Head:
    sequence, last = document.get("sequence"), document.get("hash")
    if not isinstance(sequence, int) or not isinstance(last, str):
        raise InvalidInput(f"line {number}: a closing has a whole number `sequence` and a text `hash`")
    return Head(sequence, last)
