"""A ledger read as records: exported, told of one job, and checked as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any, Final

from smoothgen.ledger.chain import ERASURE, Entry, Head
from smoothgen.ledger.checking import Check, Checked
from smoothgen.ledger.ledger import EVERYTHING, Filter, Ledger
from smoothgen.ledger.records import Record, closing, left_by

_AT_ONCE: Final = 200
LONGEST_PROOF: Final = 10_000
"""Entries after a job's own that its proof leads over."""


def records(ledger: Ledger, entries: Sequence[Entry], skipped: Sequence[Sequence[str]] = ()) -> list[Record]:
    """Returns entries with their certificates. skipped: of each entry, what stands before it and is not told."""
    jobs = {entry.job for entry in entries}
    held, left = ledger.documents(jobs), left_by(ledger.erasures(jobs))
    return [
        Record(
            entry=entry,
            certificate=held[entry.job].content if _shows(entry) and entry.job in held else None,
            erased=_shows(entry) and entry.job in left,
            left=left.get(entry.job) if _shows(entry) else None,
            skipped=skipped[place] if skipped else (),
        )
        for place, entry in enumerate(entries)
    ]


def _shows(entry: Entry) -> bool:
    """Returns whether the certificate of an entry's job is told with it: an erasure only says that it was."""
    return entry.event != ERASURE


def exported(ledger: Ledger, asked: Filter) -> Iterator[dict[str, Any]]:
    """Yields the records of the entries asked for, up to the head as it is now, and the closing."""
    head = ledger.head()
    first = ledger.find(asked, most=1)
    skipped: list[str] = []
    after = first[0].sequence - 1 if first else head.sequence
    while after < head.sequence:
        upto = min(after + _AT_ONCE, head.sequence)
        told = {entry.sequence for entry in ledger.find(asked, after=after, most=_AT_ONCE)}
        batch, gaps = [], []
        for entry in ledger.entries(after, upto):
            if entry.sequence in told:
                batch.append(entry)
                gaps.append(skipped)
                skipped = []
            else:
                skipped.append(entry.content_hash)
        for record in records(ledger, batch, gaps):
            yield record.to_json()
        after = upto
    yield closing(head, skipped)


def record_of(ledger: Ledger, job: str, tenant: str | None = None) -> dict[str, Any] | None:
    """Returns all that is recorded of a job as JSON data, None where nothing is: its record, with `erasure`, the entry
    of one or None, and `proof`, a closing that leads to the head, or to the entry LONGEST_PROOF places on."""
    entries = ledger.find(Filter(job=job, tenant=tenant), most=2)
    if not entries:
        return None
    [record, *_] = records(ledger, entries)
    erasures = [asdict(entry) for entry in entries if entry.event == ERASURE]
    head, skipped = record.entry.head, []
    for later in ledger.entries(head.sequence, head.sequence + LONGEST_PROOF):
        head = later.head
        skipped.append(later.content_hash)
    return {**record.to_json(), "erasure": erasures[0] if erasures else None, "proof": closing(head, skipped)}


def checked(ledger: Ledger, known: Head | None = None, *, full: bool) -> Checked:
    """Checks a whole ledger. known: a head that was noted before, which must still be in it. full: whether
    certificates are recomputed."""
    check, after = Check(full=full), 0
    while found := ledger.find(EVERYTHING, after=after, most=_AT_ONCE):
        for record in records(ledger, found):
            if not check.entry(record.entry, record.certificate, record.left, erased=record.erased):
                return check.result
            if known is not None and record.entry.sequence == known.sequence:
                check.end(known)
                if check.broken is not None:
                    return check.result
        after = found[-1].sequence
    if known is not None and check.result.head.sequence < known.sequence:
        check.end(known)
    return check.result
