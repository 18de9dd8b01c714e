"""What `smoothgen synonyms` prints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from smoothgen.synonyms import Partition

_out = Console(highlight=False)


def show_synonyms(texts: Sequence[str], partition: Partition) -> None:
    """Prints a row for every word that belongs to a class, and the words that stay as they are."""
    table = Table("word", "drawn from", box=None)
    for text in texts:
        slots = partition.canonical(text).slots
        for slot in slots:
            table.add_row(text, ", ".join(slot.members))
        if not slots:
            table.add_row(text, "nothing: every word is alone in its class")
    _out.print(table)
    _out.print(
        f"partition {partition.name} version {partition.version} ({partition.digest})", style="dim", soft_wrap=True
    )


def synonyms_document(texts: Sequence[str], partition: Partition) -> dict[str, Any]:
    """Returns the same as JSON: the partition, and the classes that the words of each text are drawn from."""
    return {
        "partition": {"name": partition.name, "version": partition.version, "digest": partition.digest},
        "words": [{"text": t, "classes": [list(slot.members) for slot in partition.canonical(t).slots]} for t in texts],
    }
