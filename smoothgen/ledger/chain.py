"""The hash chain of a ledger: which bytes are hashed, defined here and nowhere else. Anyone can recompute them.

An entry's **content** is the JSON object of `schema` and the twelve fields of `Entry.fields`, with sorted keys, no
white space and ASCII only (others as \\uXXXX, as `json.dumps` writes them). All values are strings or null, except
the whole number `sequence`. Then, with SHA-256 in lowercase hexadecimal digits,

    content_hash = SHA-256(content)
    hash         = SHA-256(previous + content_hash)         of the 128 ASCII digits of the two

where `previous` is the hash of the entry before, and sixty-four zeros for the first. So whoever has an entry, and the
content hashes of those after it, computes the hash of the last without seeing what the others say.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from typing import Any, Final, Literal, Self, get_args

SCHEMA: Final = "smoothgen/ledger/v1"
Event = Literal["certificate", "abstention", "uncertified", "failure", "cancellation", "erasure"]
EVENTS: Final[tuple[Event, ...]] = get_args(Event)
ERASURE: Final[Event] = "erasure"


@dataclass(frozen=True, kw_only=True)
class Fact:
    """What is recorded of a job: how it ended, or that its content was erased.

    event: "uncertified" is a job of a tier without a certificate of its own; "erasure" follows the entry of the job's
    end. job: its id, which is its certificate's. model, model_revision, model_digest: which weights answered.
    certificate: the `digest` of the certificate's document as issued; of an erasure, of the document that is left; None
    where there is none. reason: of an abstention. signature: a JWS of the certificate, None where it is not signed.
    happened_at: when, on the queue's clock, as `written_time` writes it.
    """

    event: Event
    tenant: str
    job: str
    model: str
    model_revision: str
    model_digest: str
    certificate: str | None
    reason: str | None
    signature: str | None
    happened_at: str


def erasure_of(end: Fact, left: str | None, happened_at: str) -> Fact:
    """Returns the fact that a job's content was erased. end: of the job's end. left: the digest of the document that is
    left, None where none is."""
    return Fact(
        event=ERASURE,
        tenant=end.tenant,
        job=end.job,
        model=end.model,
        model_revision=end.model_revision,
        model_digest=end.model_digest,
        certificate=left,
        reason=None,
        signature=None,
        happened_at=happened_at,
    )


@dataclass(frozen=True)
class Head:
    """The last entry's number and hash: all that is needed to tell later whether anything before it was changed."""

    sequence: int
    hash: str


EMPTY: Final = Head(0, "0" * 64)
"""The head of a ledger without entries."""


@dataclass(frozen=True, kw_only=True)
class Entry(Fact):
    """An entry of a ledger. sequence: counted from 1 without gaps. recorded_at: when, on the clock of who wrote it."""

    sequence: int
    recorded_at: str
    previous: str
    hash: str

    @classmethod
    def following(cls, head: Head, fact: Fact, recorded_at: str) -> Self:
        """Returns the entry that records a fact after the head."""
        values: dict[str, Any] = asdict(fact) | {"sequence": head.sequence + 1, "recorded_at": recorded_at}
        return cls(**values, previous=head.hash, hash=chained(head.hash, content_hash(values)))

    @property
    def fields(self) -> dict[str, str | int | None]:
        """Returns what the entry says: the fields that its content is made of, `schema` left out."""
        return {name: value for name, value in asdict(self).items() if name not in ("previous", "hash")}

    @property
    def content_hash(self) -> str:
        """Returns the hash of what the entry says."""
        return content_hash(self.fields)

    @property
    def head(self) -> Head:
        """Returns the head of the ledger that ends with this entry."""
        return Head(self.sequence, self.hash)


COLUMNS: Final = tuple(field.name for field in fields(Entry))
"""The names of all that an entry holds."""


def content_hash(said: Mapping[str, str | int | None]) -> str:
    """Returns the hash of an entry's fields, to which `schema` is added here."""
    content = json.dumps({"schema": SCHEMA, **said}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(content.encode("ascii")).hexdigest()


def chained(previous: str, content: str) -> str:
    """Returns the hash of an entry from that of the entry before and that of its content."""
    return hashlib.sha256(f"{previous}{content}".encode("ascii")).hexdigest()


def carried_on(head: Head, contents: Iterable[str]) -> Head:
    """Returns the head after further entries, of which only the content hashes are known."""
    sequence, last = head.sequence, head.hash
    for content in contents:
        sequence, last = sequence + 1, chained(last, content)
    return Head(sequence, last)


def fault(head: Head, entry: Entry) -> str | None:
    """Returns what is wrong with an entry that stands after the head; None where it follows from it."""
    if entry.sequence != head.sequence + 1:
        return f"number {entry.sequence} stands where {head.sequence + 1} should: entries are missing or out of order"
    if entry.previous != head.hash:
        return f"it names {entry.previous} as the hash of the entry before, which has {head.hash}"
    computed = chained(entry.previous, entry.content_hash)
    if entry.hash != computed:
        return f"its hash is {entry.hash}, and what it says gives {computed}: it was changed after it was written"
    return None


def written_time(unix_ms: int) -> str:
    """Returns a time as entries hold it: UTC, RFC 3339, milliseconds, such as 2026-01-31T12:00:00.000Z."""
    return datetime.fromtimestamp(unix_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
