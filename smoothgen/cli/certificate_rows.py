"""How the commands print a certificate of any method: its numbers as rows, then its sentence."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.table import Table
from rich.text import Text


def show_rows(out: Console, rows: Iterable[tuple[str, str]], statement: str) -> None:
    """Prints the rows, (name, value) each, and below them the statement."""
    table = Table.grid(padding=(0, 2))
    for name, value in rows:
        table.add_row(Text(name, style="bold"), Text(value))
    out.print(table)
    out.print()
    out.print(Text(statement), soft_wrap=True)
    out.print()
