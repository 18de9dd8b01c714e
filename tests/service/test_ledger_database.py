"""A ledger on a real SQLite and a real PostgreSQL: written once, by one at a time, and changed by nobody unnoticed."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from smoothgen.errors import InvalidInput, LedgerUnavailable
from smoothgen.ledger.chain import ERASURE, Head
from smoothgen.ledger.database import Database
from smoothgen.ledger.ledger import Filter, Ledger, Recording, erase
from smoothgen.ledger.location import sqlite_url
from smoothgen.ledger.reading import checked
from tests.support.ledgers import fact, recording
from tests.support.postgres import Postgres

SQLITE, POSTGRESQL = "sqlite", "postgresql"
REFUSED = (sqlite3.Error, psycopg.Error)
WRITERS, ROUNDS = 4, 10


class Kept:
    """A ledger, and a way past it to its database."""

    def __init__(self, url: str, execute: Callable[[str], None]) -> None:
        self.url, self.execute, self.ledger = url, execute, Ledger(Database(url))


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with Postgres() as server:
        yield server


@pytest.fixture(params=[SQLITE, POSTGRESQL])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kept]:
    """An empty ledger."""
    if request.param == SQLITE:
        file = tmp_path / "ledger.sqlite3"

        def execute(statement: str) -> None:
            with sqlite3.connect(file) as connection:
                connection.execute(statement)
            connection.close()

        found = Kept(sqlite_url(file), execute)
    else:
        server: Postgres = request.getfixturevalue("postgres")
        server.execute("DROP SCHEMA public CASCADE")
        server.execute("CREATE SCHEMA public")
        found = Kept(server.url, server.execute)
    yield found
    found.ledger.close()


def test_a_job_ends_once_and_is_erased_once(kept: Kept) -> None:
    ledger = kept.ledger
    again = [recording(0), recording(0), Recording(fact("job-0", ERASURE)), Recording(fact("job-0", ERASURE))]
    assert [entry.event for entry in ledger.append(again).entries] == ["certificate", "erasure"]
    assert ledger.append(again).entries == []
    assert ledger.counts() == {"certificate": 1, "erasure": 1}
    assert checked(ledger, full=True).sound


def test_an_erasure_waits_for_the_end_of_its_job(kept: Kept) -> None:
    appended = kept.ledger.append([Recording(fact("job-0", ERASURE))])
    assert (appended.entries, appended.unknown) == ([], {"job-0"})
    assert kept.ledger.head().sequence == 0
    assert not erase(kept.ledger, "job-0", "2026-01-31T12:00:00.000Z")


def write(url: str, number: int) -> None:
    """Over connections of its own: record the same jobs as everybody, one by one, each beside one of its own."""
    ledger = Ledger(Database(url))
    for turn in range(ROUNDS):
        ledger.append([Recording(fact(f"shared-{turn}")), Recording(fact(f"own-{number}-{turn}"))])
    ledger.close()


def test_many_writers_that_start_at_once_make_one_chain(kept: Kept) -> None:
    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(write, [kept.url] * WRITERS, range(WRITERS)))
    result = checked(kept.ledger, full=True)
    assert result.sound
    assert result.entries == ROUNDS * (WRITERS + 1)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_entries SET tenant = 'bob' WHERE sequence = 1",
        "DELETE FROM ledger_entries WHERE sequence = 2",
        "DELETE FROM ledger_documents",
        "UPDATE ledger_documents SET document = '{}' WHERE NOT erased",
        "UPDATE ledger_documents SET document = '{}' WHERE erased",
        "UPDATE ledger_documents SET job = 'job-9', erased = true WHERE NOT erased",
    ],
)
def test_the_database_refuses_to_change_what_is_written(kept: Kept, statement: str) -> None:
    kept.ledger.append([recording(0), recording(1), Recording(fact("job-0", ERASURE))])
    with pytest.raises(REFUSED, match="ledger"):
        kept.execute(statement)
    assert checked(kept.ledger, full=True).sound


def test_sqlite_refuses_to_replace_and_postgresql_to_truncate(kept: Kept) -> None:
    kept.ledger.append([recording(0)])
    values = ", ".join(["1", *["'x'"] * 13])
    statements = (
        [
            f"INSERT OR REPLACE INTO ledger_entries VALUES ({values})",
            "REPLACE INTO ledger_documents VALUES ('job-0','',0)",
        ]
        if kept.url.startswith(SQLITE)
        else ["TRUNCATE ledger_entries", "TRUNCATE ledger_documents"]
    )
    for statement in statements:
        with pytest.raises(REFUSED, match="ledger"):
            kept.execute(statement)
    assert checked(kept.ledger, full=True).sound


def without_triggers(kept: Kept) -> None:
    """What the owner of a database can do."""
    if kept.url.startswith(SQLITE):
        for name in ("entries_append", "entries_update", "entries_delete", "documents_update", "documents_delete"):
            kept.execute(f"DROP TRIGGER ledger_{name}")
    else:
        kept.execute("ALTER TABLE ledger_entries DISABLE TRIGGER ALL")
        kept.execute("ALTER TABLE ledger_documents DISABLE TRIGGER ALL")


@pytest.mark.parametrize(
    ("statement", "broken_at"),
    [
        ("UPDATE ledger_entries SET tenant = 'bob' WHERE sequence = 2", 2),
        ("UPDATE ledger_entries SET reason = 'deadline' WHERE sequence = 3", 3),
        ("UPDATE ledger_entries SET hash = previous WHERE sequence = 1", 1),
        ("DELETE FROM ledger_entries WHERE sequence = 1", 1),
        ("DELETE FROM ledger_entries WHERE sequence = 2", 2),
        ("UPDATE ledger_documents SET document = replace(document, '\"radius\"', '\"radios\"') WHERE job = 'job-1'", 2),
        ("UPDATE ledger_documents SET document = NULL WHERE job = 'job-0'", 1),  # its erasure left something
    ],
)
def test_who_owns_the_database_is_found_out(kept: Kept, statement: str, broken_at: int) -> None:
    kept.ledger.append([recording(0), recording(1), recording(2), Recording(fact("job-0", ERASURE))])
    without_triggers(kept)
    kept.execute(statement)
    broken = checked(kept.ledger, full=True).broken
    assert broken is not None
    assert broken.sequence == broken_at


def test_a_deleted_certificate_is_missed(kept: Kept) -> None:
    kept.ledger.append([recording(0), recording(1)])
    without_triggers(kept)
    kept.execute("DELETE FROM ledger_documents WHERE job = 'job-1'")
    result = checked(kept.ledger, full=True)
    assert result.missing == ("job-1",)
    assert not result.sound


def test_entries_cut_off_at_the_end_are_missed_by_who_noted_the_head(kept: Kept) -> None:
    kept.ledger.append([recording(number) for number in range(3)])
    noted = kept.ledger.head()
    assert checked(kept.ledger, noted, full=False).sound
    without_triggers(kept)
    kept.execute("DELETE FROM ledger_entries WHERE sequence = 3")
    assert checked(kept.ledger, full=False).sound  # the chain alone cannot tell
    broken = checked(kept.ledger, noted, full=False).broken
    assert broken is not None
    assert broken.sequence == 3
    kept.ledger.append([recording(9)])
    assert checked(kept.ledger, noted, full=False).broken is not None
    assert checked(kept.ledger, Head(1, noted.hash), full=False).broken is not None


def test_entries_are_found_in_pages(kept: Kept) -> None:
    kept.ledger.append([Recording(fact(f"job-{number}", tenant="ab"[number % 2])) for number in range(7)])
    asked = Filter(tenant="a")
    first = kept.ledger.find(asked, most=3)
    rest = kept.ledger.find(asked, after=first[-1].sequence, most=3)
    assert [entry.job for entry in first + rest] == ["job-0", "job-2", "job-4", "job-6"]


def test_a_database_that_holds_no_ledger_is_not_made_one_by_who_reads(kept: Kept) -> None:
    with pytest.raises(InvalidInput, match="no ledger"):
        Ledger(Database(kept.url, is_there=True)).head()
    kept.ledger.append([recording(0)])
    assert Ledger(Database(kept.url, is_there=True)).head().sequence == 1


def test_a_server_that_was_killed_is_used_again_when_it_is_back(postgres: Postgres) -> None:
    ledger = Ledger(Database(postgres.url))
    before = ledger.head()
    postgres.kill()
    with pytest.raises(LedgerUnavailable, match="cannot be used"):
        ledger.head()
    postgres.start()
    assert ledger.head() == before
    ledger.close()


@pytest.mark.parametrize(
    "url", ["", "ledger.db", "sqlite://", "sqlite:///:memory:", "mysql://u:secret@host/x", "postgresql://host:port/x"]
)
def test_what_is_no_database_is_refused_in_a_sentence_without_the_password(url: str) -> None:
    with pytest.raises(InvalidInput, match="ledger's URL") as raised:
        Database(url)
    assert "secret" not in str(raised.value)
