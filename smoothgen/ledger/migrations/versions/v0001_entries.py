"""The chain of entries, the documents beside it, and triggers that refuse to change what was written."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0001"
down_revision: Final = None

_SQLITE: Final = (
    # INSERT OR REPLACE fires no trigger on what it replaces, so that what is inserted must come after the last.
    """
    CREATE TRIGGER ledger_entries_append BEFORE INSERT ON ledger_entries
    WHEN NEW.sequence <> (SELECT coalesce(max(sequence), 0) + 1 FROM ledger_entries)
    BEGIN SELECT RAISE(ABORT, 'a ledger is only added to, after its last entry'); END
    """,
    """
    CREATE TRIGGER ledger_entries_update BEFORE UPDATE ON ledger_entries
    BEGIN SELECT RAISE(ABORT, 'entries of a ledger are never changed'); END
    """,
    """
    CREATE TRIGGER ledger_entries_delete BEFORE DELETE ON ledger_entries
    BEGIN SELECT RAISE(ABORT, 'entries of a ledger are never deleted'); END
    """,
    """
    CREATE TRIGGER ledger_documents_insert BEFORE INSERT ON ledger_documents
    WHEN EXISTS (SELECT 1 FROM ledger_documents WHERE job = NEW.job)
    BEGIN SELECT RAISE(ABORT, 'documents of a ledger are only erased'); END
    """,
    """
    CREATE TRIGGER ledger_documents_update BEFORE UPDATE ON ledger_documents
    WHEN OLD.erased OR NOT NEW.erased OR NEW.job <> OLD.job
    BEGIN SELECT RAISE(ABORT, 'documents of a ledger are only erased'); END
    """,
    """
    CREATE TRIGGER ledger_documents_delete BEFORE DELETE ON ledger_documents
    BEGIN SELECT RAISE(ABORT, 'documents of a ledger are only erased'); END
    """,
)

_POSTGRESQL: Final = (
    """
    CREATE FUNCTION ledger_refuse() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION '% is only added to, and its documents are only erased', TG_TABLE_NAME; END $$
    """,
    """
    CREATE TRIGGER ledger_entries_change BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_entries
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse()
    """,
    """
    CREATE TRIGGER ledger_documents_update BEFORE UPDATE ON ledger_documents FOR EACH ROW
    WHEN (OLD.erased OR NOT NEW.erased OR NEW.job <> OLD.job) EXECUTE FUNCTION ledger_refuse()
    """,
    """
    CREATE TRIGGER ledger_documents_delete BEFORE DELETE OR TRUNCATE ON ledger_documents
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse()
    """,
)


def upgrade() -> None:
    """Makes tables, indexes and triggers."""
    op.create_table(
        "ledger_entries",
        sa.Column(
            "sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=False
        ),
        *(
            sa.Column(name, sa.Text, nullable=name in ("certificate", "reason", "signature"))
            for name in (
                "recorded_at",
                "event",
                "tenant",
                "job",
                "model",
                "model_revision",
                "model_digest",
                "certificate",
                "reason",
                "signature",
                "happened_at",
                "previous",
                "hash",
            )
        ),
    )
    ends, erasures = sa.text("event <> 'erasure'"), sa.text("event = 'erasure'")
    for name, condition in (("ledger_one_end_a_job", ends), ("ledger_one_erasure_a_job", erasures)):
        op.create_index(
            name, "ledger_entries", ["job"], unique=True, sqlite_where=condition, postgresql_where=condition
        )
    op.create_index("ledger_of_tenant", "ledger_entries", ["tenant", "sequence"])
    op.create_table(
        "ledger_documents",
        sa.Column("job", sa.Text, primary_key=True),
        sa.Column("document", sa.Text),
        sa.Column("erased", sa.Boolean, nullable=False),
    )
    for statement in _SQLITE if op.get_bind().dialect.name == "sqlite" else _POSTGRESQL:
        op.execute(statement)
