"""Run by Alembic: brings the tables of the connection that it is given up to date."""

from __future__ import annotations

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    version_table="ledger_version",
    transactional_ddl=True,  # SQLite's, too: the transaction is ours
)
context.run_migrations()
