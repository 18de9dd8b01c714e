"""A ledger: entries are added in a hash chain, found, and read in order."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic_core import from_json
from sqlalchemy import Connection, Row, Select, func, insert, select, update

from smoothgen.ledger.chain import COLUMNS, EMPTY, ERASURE, Entry, Event, Fact, Head, erasure_of, written_time
from smoothgen.ledger.database import Database
from smoothgen.ledger.erasing import erased_form
from smoothgen.ledger.tables import DOCUMENTS, ENTRIES

_AT_ONCE: Final = 500


@dataclass(frozen=True)
class Recording:
    """A fact to be recorded, and the certificate it is of; None where there is none, and for an erasure."""

    fact: Fact
    document: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Filter:
    """Which entries are asked for: those for which all that is not None fits.

    since, until: of when it happened, the first inclusive, as `written_time` writes times.
    """

    tenant: str | None = None
    model: str | None = None
    event: Event | None = None
    job: str | None = None
    since: str | None = None
    until: str | None = None

    def on(self, query: Select[Any]) -> Select[Any]:
        """Returns the query for those entries alone."""
        at = ENTRIES.c.happened_at
        same = {"tenant": self.tenant, "model": self.model, "event": self.event, "job": self.job}
        conditions = [ENTRIES.c[name] == value for name, value in same.items() if value is not None]
        conditions += [at >= self.since] if self.since is not None else []
        conditions += [at < self.until] if self.until is not None else []
        return query.where(*conditions)


EVERYTHING: Final = Filter()


@dataclass(frozen=True)
class Document:
    """A certificate as the ledger holds it. content: None where nothing is left of it. erased: whether it was."""

    content: dict[str, Any] | None
    erased: bool


@dataclass(frozen=True)
class Appended:
    """What came of recordings. entries: those that were added now. unknown: jobs that are to be erased and whose end is
    not recorded yet."""

    entries: list[Entry] = field(default_factory=list)
    unknown: set[str] = field(default_factory=set)


class Ledger:
    """Entries and documents in a database. Every method raises LedgerUnavailable where that cannot be reached."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def append(self, recordings: Sequence[Recording]) -> Appended:
        """Records each fact that is not recorded yet, all in one transaction: a job ends once, and is erased once."""
        appended = Appended()
        with self._database.writing() as connection:
            head, known = _head(connection), _known(connection, {each.fact.job for each in recordings})
            now = written_time(time.time_ns() // 1_000_000)
            for recording in recordings:
                fact, is_erasure = recording.fact, recording.fact.event == ERASURE
                if (fact.job, is_erasure) in known:
                    continue
                if is_erasure and (fact.job, False) not in known:
                    appended.unknown.add(fact.job)
                    continue
                if is_erasure:
                    fact = _erased(connection, fact)
                elif recording.document is not None:
                    document = {"job": fact.job, "document": json.dumps(recording.document), "erased": False}
                    connection.execute(insert(DOCUMENTS).values(document))
                entry = Entry.following(head, fact, now)
                connection.execute(insert(ENTRIES).values({name: getattr(entry, name) for name in COLUMNS}))
                head = entry.head
                known.add((fact.job, is_erasure))
                appended.entries.append(entry)
        return appended

    def head(self) -> Head:
        """Returns the head of the chain."""
        with self._database.reading() as connection:
            return _head(connection)

    def counts(self, asked: Filter = EVERYTHING) -> dict[str, int]:
        """Returns how many entries there are of each event."""
        query = asked.on(select(ENTRIES.c.event, func.count())).group_by(ENTRIES.c.event)
        with self._database.reading() as connection:
            return dict(sorted((str(event), int(count)) for event, count in connection.execute(query)))

    def find(self, asked: Filter, *, after: int = 0, most: int) -> list[Entry]:
        """Returns the entries asked for, in order. after: the number of an entry, after which they stand."""
        query = asked.on(select(ENTRIES)).where(ENTRIES.c.sequence > after).order_by(ENTRIES.c.sequence).limit(most)
        with self._database.reading() as connection:
            return [_entry(row) for row in connection.execute(query)]

    def entries(self, after: int = 0, upto: int | None = None) -> Iterator[Entry]:
        """Yields the entries in order, reading some at a time. after, upto: numbers; the second inclusive."""
        while found := self.find(EVERYTHING, after=after, most=_AT_ONCE):
            for entry in found:
                if upto is not None and entry.sequence > upto:
                    return
                yield entry
            after = found[-1].sequence

    def documents(self, jobs: Iterable[str]) -> dict[str, Document]:
        """Returns the certificates of jobs, as they are held now."""
        query = select(DOCUMENTS).where(DOCUMENTS.c.job.in_(list(jobs)))
        with self._database.reading() as connection:
            return {row.job: _document(row) for row in connection.execute(query)}

    def erasures(self, jobs: Iterable[str]) -> list[Entry]:
        """Returns the entries that say of these jobs that their content was erased."""
        query = select(ENTRIES).where(ENTRIES.c.job.in_(list(jobs)), ENTRIES.c.event == ERASURE)
        with self._database.reading() as connection:
            return [_entry(row) for row in connection.execute(query)]

    def close(self) -> None:
        """Closes the database."""
        self._database.close()


def erase(ledger: Ledger, job: str, happened_at: str) -> bool:
    """Erases the texts in a job's certificate and records that, once. Returns False where the job is not recorded."""
    found = ledger.find(Filter(job=job), most=1)
    ledger.append([Recording(erasure_of(end, None, happened_at)) for end in found])
    return bool(found)


def _head(connection: Connection) -> Head:
    last = select(ENTRIES.c.sequence, ENTRIES.c.hash).order_by(ENTRIES.c.sequence.desc()).limit(1)
    row = connection.execute(last).one_or_none()
    return EMPTY if row is None else Head(row.sequence, row.hash)


def _known(connection: Connection, jobs: set[str]) -> set[tuple[str, bool]]:
    """Returns what is recorded of jobs: each with whether it is an erasure."""
    query = select(ENTRIES.c.job, ENTRIES.c.event).where(ENTRIES.c.job.in_(jobs))
    return {(row.job, row.event == ERASURE) for row in connection.execute(query)}


def _erased(connection: Connection, fact: Fact) -> Fact:
    """Replaces a job's document by what is left of it. Returns the fact of its erasure, with what is left."""
    query = select(DOCUMENTS).where(DOCUMENTS.c.job == fact.job)
    row = connection.execute(query).one_or_none()
    left = None if row is None else erased_form(_document(row).content)
    if row is not None:
        text = None if left is None else json.dumps(left)
        connection.execute(update(DOCUMENTS).where(DOCUMENTS.c.job == fact.job).values(document=text, erased=True))
    end = select(ENTRIES).where(ENTRIES.c.job == fact.job, ENTRIES.c.event != ERASURE)
    ended = _entry(connection.execute(end).one())
    return erasure_of(ended, None if left is None else str(left["digest"]), fact.happened_at)


def _entry(row: Row[Any]) -> Entry:
    return Entry(**{name: getattr(row, name) for name in COLUMNS})


def _document(row: Row[Any]) -> Document:
    return Document(content=None if row.document is None else dict(from_json(row.document)), erased=bool(row.erased))
