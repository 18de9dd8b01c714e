"""Alembic's migrations of a ledger's tables, run when a ledger is opened."""
