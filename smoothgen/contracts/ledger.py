"""What the API tells of the ledger."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field

from smoothgen.ledger.chain import Entry, Event


class _View(BaseModel):
    model_config = ConfigDict(frozen=True)


class LedgerEntry(_View):
    """An entry of the ledger. The page docs/ledger.md says which bytes of it are hashed."""

    sequence: int = Field(description="Counted from 1 without gaps, over all keys.")
    recorded_at: str = Field(description="When the gateway wrote it, UTC.")
    happened_at: str = Field(description="When the job ended or was erased, UTC on the queue's clock.")
    event: Event
    tenant: str
    job: str = Field(description="The job's id, which is its certificate's.")
    model: str
    model_revision: str
    model_digest: str
    certificate: str | None = Field(description="The certificate's digest as issued; of an erasure, of what is left.")
    reason: str | None = Field(description="Of an abstention.")
    signature: str | None = Field(description="A JWS of the certificate, where it was signed.")
    previous: str = Field(description="The hash of the entry before, sixty-four zeros for the first.")
    hash: str

    @classmethod
    def of(cls, entry: Entry) -> Self:
        """Returns what is told of an entry."""
        return cls(**asdict(entry))


class LedgerPage(_View):
    """Entries in the order in which they were recorded."""

    data: list[LedgerEntry]
    next: str | None = Field(description="The cursor of the next page, null where there is none yet.")


class LedgerHead(_View):
    """The last entry's number and hash, over all keys: whoever notes it can tell later whether anything was changed."""

    sequence: int
    hash: str


class LedgerRecord(_View):
    """A job's record: how it ended, its certificate, and the hashes that lead from it to the head.

    `smoothgen verify` checks the certificate in it, and `smoothgen ledger verify` the hashes.
    """

    schema_: str = Field(alias="schema", description="smoothgen/ledger-record/v1")
    skipped: list[str]
    entry: dict[str, Any] = Field(description="What its content hash is computed over.")
    previous: str
    hash: str
    erased: bool = Field(description="Whether the content of its job was erased.")
    left: str | None = Field(description="The digest of what was left of the certificate then.")
    certificate: dict[str, Any] | None
    erasure: LedgerEntry | None = Field(description="The entry that says that its content was erased.")
    proof: dict[str, Any] = Field(
        description="Content hashes of the entries after it, and the head that they lead to; at most 10,000 of them."
    )
