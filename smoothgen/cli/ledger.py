"""`smoothgen ledger`: the ledger of a service, read, exported and checked where its database is, or from an export."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from smoothgen.errors import InvalidInput, NotFound, SmoothGenError
from smoothgen.ledger.chain import EVENTS, Entry, Event, Head, written_time
from smoothgen.ledger.location import ledger_file

if TYPE_CHECKING:
    from smoothgen.ledger.checking import Checked
    from smoothgen.ledger.ledger import Filter, Ledger

ledger = typer.Typer(help="The ledger of certificates: search, export and check it.", no_args_is_help=True)

DEFAULT_FILE: Final = ledger_file(Path("state"))
"""Where `smoothgen serve` keeps its ledger unless it is told otherwise."""
_BROKEN: Final = 1

Url = Annotated[
    str | None,
    typer.Option(
        envvar="SMOOTHGEN_LEDGER_URL",
        help=f"The ledger's database: sqlite:///FILE or postgresql://…; default: {DEFAULT_FILE}.",
    ),
]
Tenant = Annotated[str | None, typer.Option(help="Entries of this tenant.")]
Model = Annotated[str | None, typer.Option(help="Entries of this model.")]
Kind = Annotated[str | None, typer.Option("--event", help=f"Entries of this event: {', '.join(EVENTS)}.")]
Since = Annotated[str | None, typer.Option(help="What happened from then on: 2026-01-31, or with a time, UTC.")]
Until = Annotated[str | None, typer.Option(help="What happened before then.")]


class Format(StrEnum):
    """How entries are exported: one JSON object a line."""

    JSONL = "jsonl"


@ledger.command()
def head(url: Url = None) -> None:
    """Prints the last entry's number and hash, to be noted elsewhere, and how many entries there are of each event."""
    with _opened(url) as found:
        last, counts = found.head(), found.counts()
    typer.echo(f"{last.sequence}:{last.hash}")
    for event, count in counts.items():
        typer.echo(f"{event:<14} {count}")


@ledger.command()
def search(
    url: Url = None,
    tenant: Tenant = None,
    model: Model = None,
    event: Kind = None,
    since: Since = None,
    until: Until = None,
    most: Annotated[int, typer.Option("--limit", min=1, help="How many at most, the oldest first.")] = 100,
    after: Annotated[int, typer.Option(min=0, help="Entries after this number.")] = 0,
) -> None:
    """Lists entries: number, time, event, tenant, model, job."""
    asked = _filter(tenant, model, event, since, until)
    with _opened(url) as found:
        entries = found.find(asked, after=after, most=most)
    for entry in entries:
        typer.echo(_line(entry))
    if len(entries) == most:
        typer.echo(f"there may be more: --after {entries[-1].sequence}", err=True)


@ledger.command()
def show(job: Annotated[str, typer.Argument(help="The id of a job, or certificate.")], url: Url = None) -> None:
    """Prints what is recorded of a job as JSON: its entry, its certificate, and the hashes that lead to the head."""
    from smoothgen.ledger.reading import record_of

    with _opened(url) as found:
        record = record_of(found, job)
    if record is None:
        raise NotFound(f"nothing is recorded of job {job!r:.80}; `smoothgen ledger search` lists what is")
    typer.echo(json.dumps(record, indent=2))


@ledger.command()
def export(
    url: Url = None,
    tenant: Tenant = None,
    model: Model = None,
    event: Kind = None,
    since: Since = None,
    until: Until = None,
    form: Annotated[Format, typer.Option("--format", help="One JSON object a line.")] = Format.JSONL,
) -> None:
    """Writes entries with their certificates to standard output, to be checked without the database: `ledger verify`.

    Between entries that are asked for stand the hashes of the others, so that the chain can be followed.
    """
    del form  # there is one
    from smoothgen.ledger.reading import exported

    asked = _filter(tenant, model, event, since, until)
    with _opened(url) as found:
        for line in exported(found, asked):
            typer.echo(json.dumps(line, separators=(",", ":")))


@ledger.command()
def verify(
    file: Annotated[Path | None, typer.Argument(help="An export, or the answer of GET /ledger/ID.")] = None,
    url: Url = None,
    noted: Annotated[
        str | None, typer.Option("--head", help="A head that was noted before, NUMBER:HASH, which must still be in it.")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Compare certificates with their digests, and do not recompute them.")
    ] = False,
) -> None:
    """Follows the chain and recomputes every certificate. Exit code 1 with the first entry that is wrong."""
    from smoothgen.ledger.records import check_lines

    known = None if noted is None else _head(noted)
    if file is not None:
        if known is not None:
            raise InvalidInput("--head is compared with a database's ledger; an export names its own head")
        with file.open("rb") as lines:
            result = check_lines(lines, full=not quick)
    else:
        from smoothgen.ledger.reading import checked

        with _opened(url) as found:
            result = checked(found, known, full=not quick)
    _tell(result)
    raise typer.Exit(0 if result.sound else _BROKEN)


@ledger.command()
def erase(job: Annotated[str, typer.Argument(help="The id of a job.")], url: Url = None) -> None:
    """Erases the texts in a job's certificate, and records that. For jobs that the server no longer keeps."""
    from smoothgen.ledger.ledger import erase as erase_in

    with _opened(url) as found:
        if not erase_in(found, job, written_time(int(datetime.now(UTC).timestamp() * 1000))):
            raise NotFound(f"nothing is recorded of job {job!r:.80}; `smoothgen ledger search` lists what is")
    typer.echo(f"erased: {job}")


@contextmanager
def _opened(url: str | None) -> Iterator[Ledger]:
    """Gives the ledger at a URL. Raises InvalidInput, SmoothGenError where its packages are not installed."""
    try:
        from smoothgen.ledger.database import Database
        from smoothgen.ledger.ledger import Ledger
        from smoothgen.ledger.location import sqlite_url
    except ImportError as error:
        raise SmoothGenError(f"a ledger's database needs {error.name}: pip install 'smoothgen[ledger]'") from error
    if url is None and not DEFAULT_FILE.is_file():
        raise InvalidInput(f"there is no ledger at {DEFAULT_FILE}; name its database: --url or SMOOTHGEN_LEDGER_URL")
    found = Ledger(Database(sqlite_url(DEFAULT_FILE) if url is None else url, is_there=True))
    try:
        yield found
    finally:
        found.close()


def _filter(tenant: str | None, model: str | None, event: str | None, since: str | None, until: str | None) -> Filter:
    from smoothgen.ledger.ledger import Filter

    return Filter(tenant, model, _event(event), None, _time(since, "since"), _time(until, "until"))


def _event(name: str | None) -> Event | None:
    for event in EVENTS:
        if event == name:
            return event
    if name is None:
        return None
    raise InvalidInput(f"there is no event {name!r:.40}; known are {', '.join(EVENTS)}")


def _time(given: str | None, option: str) -> str | None:
    if given is None:
        return None
    try:
        at = datetime.fromisoformat(given)
    except ValueError as error:
        raise InvalidInput(f"--{option} {given!r:.40} is no time; write 2026-01-31 or 2026-01-31T12:00:00Z") from error
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return written_time(int(at.timestamp() * 1000))


def _head(given: str) -> Head:
    sequence, _, last = given.partition(":")
    if not sequence.isdecimal() or len(last) != 64:
        raise InvalidInput(f"--head {given!r:.80} is no NUMBER:HASH; `smoothgen ledger head` prints one")
    return Head(int(sequence), last)


def _line(entry: Entry) -> str:
    said = entry.event if entry.reason is None else f"{entry.event} ({entry.reason})"
    return f"{entry.sequence:>8}  {entry.happened_at}  {said:<14}  {entry.tenant}  {entry.model}  {entry.job}"


def _tell(result: Checked) -> None:
    if result.broken is not None:
        typer.secho(f"broken at entry {result.broken.sequence}: {result.broken.detail}", fg="red")
        return
    typer.echo(f"{result.entries} entries follow from one another, up to {result.head.sequence}:{result.head.hash}")
    if result.missing:
        typer.secho(
            f"recorded and not held: {len(result.missing)} certificates, the first of job {result.missing[0]}",
            fg="red",
        )
