"""A report as one Markdown page, with its pictures beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from smoothgen.studies.reports.blocks import Block, Picture, Report, Section, Sources, Table, sources_of


def write_markdown(report: Report, folder: Path, pictures: Mapping[str, Path]) -> Path:
    """Writes `report.md` into `folder` and returns it. pictures: the files of its pictures by name, inside `folder`."""
    sources = Sources()
    addresses = {name: path.relative_to(folder).as_posix() for name, path in pictures.items()}
    parts = [f"# {report.title}", *report.words]
    for section in report.sections:
        parts += _section(section, sources, addresses)
    page = folder / "report.md"
    page.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return page


def _section(section: Section, sources: Sources, addresses: Mapping[str, str]) -> Iterator[str]:
    yield f"{'#' * section.level} {section.title}"
    yield from section.words
    for block in section.blocks:
        yield from _block(block, sources, addresses)


def _block(block: Block, sources: Sources, addresses: Mapping[str, str]) -> Iterator[str]:
    if isinstance(block, Picture):
        yield f"![{_escaped(block.title)}]({addresses[block.name]})"
        yield f"*{block.says}* Sources: {sources.cell(sources_of(block))}."
    else:
        yield f"**{block.title}.** {block.says}"
        yield table_text(block, sources)
    notes = sources.notes(sources_of(block))
    if notes and isinstance(block, Table):
        yield "  \n".join(notes)


def table_text(table: Table, sources: Sources) -> str:
    """Returns a table in Markdown, the numbers of its sources in the last column."""
    rows = [(*table.columns, "source"), tuple("---" for _ in range(len(table.columns) + 1))]
    rows += [(*map(_escaped, line.cells), sources.cell(line.sources)) for line in table.lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _escaped(cell: str) -> str:
    """Returns text that stays one cell and no markup: prompts come from anywhere."""
    spelled = " ".join(cell.split())
    for sign in "\\|<>`*_[]":
        spelled = spelled.replace(sign, f"\\{sign}")
    return spelled
