"""How a ledger's database is reached: SQLite or PostgreSQL, one writer at a time, its tables brought up to date."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from smoothgen.errors import InvalidInput, LedgerUnavailable
from smoothgen.ledger.tables import ENTRIES

_SQLITE: Final = "sqlite"
_DRIVERS: Final = {_SQLITE: "sqlite+pysqlite", "postgresql": "postgresql+psycopg"}
_BUSY_S: Final = 10.0
"""How long a writer waits for the one before it."""
_CONNECT_S: Final = 5
_ANSWER_MS: Final = 30_000
_LOCK: Final = 0x5300_07E6_1ED6_E401
"""PostgreSQL's advisory lock of who writes to a ledger: any number that no other program of the database uses."""
_WRITES: Final = "ledger_writes"


class Database:
    """A ledger's database. Nothing is opened before it is used, and what cannot be reached is tried again next time."""

    def __init__(self, url: str, *, is_there: bool = False) -> None:
        """is_there: whether a database without a ledger is refused when it is first used, by InvalidInput; else one is
        made in it. Raises InvalidInput for what is no URL of a database that a ledger can be kept in."""
        self._url, self._is_there = _read(url), is_there
        self._engine = _engine(self._url)
        self._prepared = False

    @property
    def name(self) -> str:
        """Returns the URL without its password."""
        return self._url.render_as_string(hide_password=True)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Gives a connection in a transaction that changes nothing. Raises LedgerUnavailable."""
        with self._errors():
            self._prepare()
            with self._engine.connect() as connection, connection.begin():
                yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Gives a connection in a transaction that no other writer's overlaps. Raises LedgerUnavailable, and then it is
        not known whether it was written."""
        with self._errors():
            self._prepare()
            with self._alone() as connection:
                yield connection

    def close(self) -> None:
        """Closes all connections."""
        self._engine.dispose()

    @contextmanager
    def _alone(self) -> Iterator[Connection]:
        with self._engine.connect() as connection:
            connection = connection.execution_options(**{_WRITES: True})
            with connection.begin():
                if self._file is None:
                    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
                yield connection

    def _prepare(self) -> None:
        """Brings the tables up to date, once. Several gateways may start at once: one does it, the others wait."""
        if self._prepared:
            return
        if self._is_there:
            self._require_tables()
        else:
            self._bring_up_to_date()
        self._prepared = True

    def _require_tables(self) -> None:
        if self._file is None or self._file.is_file():
            with self._engine.connect() as connection:
                if inspect(connection).has_table(ENTRIES.name):
                    return
        raise InvalidInput(f"there is no ledger at {self.name}; name the database of one")

    def _bring_up_to_date(self) -> None:
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", "smoothgen.ledger:migrations")
        if self._file is not None:
            os.close(os.open(self._file, os.O_CREAT | os.O_RDWR, 0o600))  # certificates may hold words
        with self._alone() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    @property
    def _file(self) -> Path | None:
        """Returns the file that the ledger is kept in, None where it is on a server."""
        return Path(str(self._url.database)) if self._url.get_backend_name() == _SQLITE else None

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (SQLAlchemyError, sqlite3.Error, OSError) as error:
            said = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
            raise LedgerUnavailable(f"the ledger {self.name} cannot be used: {said}") from error


def _read(url: str) -> URL:
    remedy = "give sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE"
    try:
        read = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise InvalidInput(f"the ledger's URL cannot be read; {remedy}", field="ledger_url") from error
    backend = read.get_backend_name()
    if backend not in _DRIVERS:
        raise InvalidInput(f"the ledger's URL begins with {read.drivername!r:.40}; {remedy}", field="ledger_url")
    if backend == _SQLITE and read.database in (None, "", ":memory:"):
        raise InvalidInput(f"the ledger's URL names no file; {remedy}", field="ledger_url")
    return read


def _engine(url: URL) -> Engine:
    url = url.set(drivername=_DRIVERS[url.get_backend_name()])
    if url.get_backend_name() == _SQLITE:
        engine = create_engine(url, connect_args={"timeout": _BUSY_S})
        event.listen(engine, "connect", _set_sqlite_up)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    asked: dict[str, Any] = {
        "connect_timeout": _CONNECT_S,
        "tcp_user_timeout": _ANSWER_MS,
        "options": f"-c statement_timeout={_ANSWER_MS}",
    }
    given = {name: value for name, value in asked.items() if name not in url.query}
    return create_engine(url, connect_args=given, pool_pre_ping=True)


def _set_sqlite_up(connection: sqlite3.Connection, _: object) -> None:
    connection.isolation_level = None  # transactions begin where SQLAlchemy says, by `_begin_sqlite`
    connection.execute("PRAGMA journal_mode = WAL")  # who reads does not keep the writer waiting
    connection.execute("PRAGMA synchronous = FULL")  # what was committed outlives a power cut


def _begin_sqlite(connection: Connection) -> None:
    alone = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if alone else "BEGIN")
