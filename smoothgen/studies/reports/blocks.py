"""What a report is made of, whatever it is written as: sections of words, tables and pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from smoothgen.studies.reports.figures import numbers
from smoothgen.studies.rows import Provenance


@dataclass(frozen=True)
class Line:
    """One line of a table: a cell for each column, and the tasks that its numbers come from."""

    cells: tuple[str, ...]
    sources: tuple[Provenance, ...] = ()


@dataclass(frozen=True)
class Table:
    """A table. says: what a reader takes from it, in a sentence, and what not. long: whether a page may fold it."""

    title: str
    says: str
    columns: tuple[str, ...]
    lines: tuple[Line, ...]
    long: bool = False


@dataclass(frozen=True)
class Picture:
    """A drawing. name: of its file, without an ending. says: what it shows. draw: draws into a matplotlib
    figure. legend: lines of its legend, which stands below the drawing. rows, columns: of
    panels."""

    name: str
    title: str
    says: str
    draw: Callable[[Any], None]
    legend: int = 0
    rows: int = 1
    columns: int = 1
    sources: tuple[Provenance, ...] = ()


Block = Table | Picture


@dataclass(frozen=True)
class Section:
    """A part of a report under a heading. words: paragraphs before its blocks. level: 2 or 3, of the heading."""

    title: str
    words: tuple[str, ...] = ()
    blocks: tuple[Block, ...] = ()
    level: int = 2


@dataclass(frozen=True)
class Report:
    """A whole report. falsified: whether attacks crossed more certificates than chance allows."""

    title: str
    words: tuple[str, ...]
    sections: tuple[Section, ...]
    falsified: bool = False


class Sources:
    """Numbers the places that numbers come from, in the order in which a report names them first."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, str, str], int] = {}

    def cell(self, sources: Iterable[Provenance]) -> str:
        """Returns the numbers of sources as "[1] [2]"."""
        return " ".join(f"[{number}]" for number in sorted({self._number(source) for source in sources}))

    def notes(self, sources: Iterable[Provenance]) -> list[str]:
        """Returns one line for each source: its command, revision, seeds, machine and when it was measured."""
        of: dict[int, list[Provenance]] = {}
        for source in sources:
            of.setdefault(self._number(source), []).append(source)
        return [_note(number, found) for number, found in sorted(of.items())]

    def _number(self, source: Provenance) -> int:
        key = (source.command, source.revision, source.machine)
        return self._numbers.setdefault(key, len(self._numbers) + 1)


def _note(number: int, found: list[Provenance]) -> str:
    one, days = found[0], sorted({source.finished_at[:10] for source in found})
    seeds = numbers([source.seed for source in found])
    when = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    return f"[{number}] `{one.command}`, revision {one.revision[:12]}, seeds {seeds}, {one.machine}, {when}"


def sources_of(block: Block) -> list[Provenance]:
    """Returns every source of a block, each once."""
    given = block.sources if isinstance(block, Picture) else [source for line in block.lines for source in line.sources]
    found: dict[str, Provenance] = {source.model_dump_json(): source for source in given}
    return list(found.values())
