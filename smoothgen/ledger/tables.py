"""The tables of a ledger, as its queries name them. `migrations` makes them, with their triggers."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Integer, MetaData, Table, Text

_METADATA: Final = MetaData()

ENTRIES: Final = Table(
    "ledger_entries",
    _METADATA,
    Column("sequence", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=False),
    Column("recorded_at", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("tenant", Text, nullable=False),
    Column("job", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("model_revision", Text, nullable=False),
    Column("model_digest", Text, nullable=False),
    Column("certificate", Text),
    Column("reason", Text),
    Column("signature", Text),
    Column("happened_at", Text, nullable=False),
    Column("previous", Text, nullable=False),
    Column("hash", Text, nullable=False),
)
"""The chain, one row an entry: rows are added and never changed."""

DOCUMENTS: Final = Table(
    "ledger_documents",
    _METADATA,
    Column("job", Text, primary_key=True),
    Column("document", Text),
    Column("erased", Boolean, nullable=False),
)
"""Certificates as JSON, which the entries hold the digests of. A row changes once, when its content is erased."""
