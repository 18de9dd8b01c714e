"""Where the ledger of one machine lies: a file in the state folder of `smoothgen serve`."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote


def ledger_file(state: Path) -> Path:
    """Returns the file of the ledger in a state folder."""
    return state / "ledger.sqlite3"


def sqlite_url(file: Path) -> str:
    """Returns the URL of a ledger in a file."""
    return f"sqlite:///{quote(str(file.resolve()))}"
