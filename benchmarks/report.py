"""Writes docs/benchmarks.md from the result files in benchmarks/results, one table a file.

    python -m benchmarks.report                        writes the page
    python -m benchmarks.report --check                exits with 1 where the page is not what would be written
    python -m benchmarks.report --new NAME -- COMMAND  writes a result file to fill in: machine, date and revision stand

A result file says what was run, where and when, and holds the figures as they were printed. Nothing is computed here:
every figure of the page can be traced to one file.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[1]
RESULTS: Final = ROOT / "benchmarks" / "results"
PAGE: Final = ROOT / "docs" / "benchmarks.md"
SECTIONS: Final = ("Certificates", "Language models", "Pictures", "What radii cover", "Service")
METHODS: Final = {
    "spread/v1": "Certificates of method `spread/v1`, the version before the present one.",
    "spread/v2": "Certificates of method `spread/v2`.",
    "both": "Certificates of methods `spread/v1` and `spread/v2`.",
}
_INTRODUCTION: Final = """\
<!-- Written by `python -m benchmarks.report` from benchmarks/results/*.json. Edit those files, not this page. -->

# Benchmarks

Measured figures, each with its command, machine, date and revision. `python -m benchmarks.report` writes this page from
`benchmarks/results`; how a result is recorded is in [CONTRIBUTING](../CONTRIBUTING.md#record-a-benchmark).

- **Two shared CPU cores**: other programs use the same cores, so figures of speed vary by a third between runs. No GPU
  was available.
- **Revision** is the commit in which a figure was first written down. Figures are not measured again at every commit.
- **Method** names the version of the certificate. `spread/v2`, the present one, charges a failed sample with the whole
  diameter and uses the diameter in T2′, so its radii differ from those of `spread/v1`
  ([by how much](#what-the-diameter-adds-to-a-certificate)). Figures of samples saved, fleets, coverage and load are of
  `spread/v1`, except where a table says otherwise.
"""


@dataclass(frozen=True)
class Result:
    """What one command measured: one table, and where and when it was measured.

    command: None where the figures were taken by hand and no command was kept. revision: None where it is unknown.
    method: the certificates' method where radii depend on it. picture: path from the repository's root, and its words.
    """

    section: str
    order: int
    title: str
    command: str | None
    machine: str
    date: str
    revision: str | None
    columns: list[str]
    rows: list[list[str]]
    method: str | None = None
    notes: tuple[str, ...] = ()
    picture: tuple[str, str] | None = None

    @classmethod
    def read(cls, path: Path) -> Result:
        """Returns the result of a file. Raises ValueError naming the file for a field, section or row that is wrong."""
        try:
            fields: dict[str, Any] = json.loads(path.read_text("utf-8"))
            result = cls(**fields)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path.name}: {error}") from error
        if result.section not in SECTIONS:
            raise ValueError(f"{path.name}: section must be one of {', '.join(SECTIONS)}, got {result.section!r}")
        if result.method is not None and result.method not in METHODS:
            raise ValueError(f"{path.name}: method must be one of {', '.join(METHODS)}, got {result.method!r}")
        wrong = [row for row in result.rows if len(row) != len(result.columns)]
        if wrong or not result.rows:
            raise ValueError(f"{path.name}: every row must have {len(result.columns)} cells, and {wrong} have not")
        return result

    def written(self) -> str:
        """Returns the table with what stands around it, in Markdown."""
        command = "by hand; no command was kept" if self.command is None else f"`{self.command}`"
        revision = "revision unknown" if self.revision is None else f"revision {self.revision}"
        lines = [f"### {self.title}", "", f"{command} · {self.machine} · {self.date} · {revision}", ""]
        lines += [*table(self.columns, self.rows), ""]
        notes = [*self.notes, *([METHODS[self.method]] if self.method else [])]
        lines += [" ".join(notes), ""] if notes else []
        if self.picture is not None:
            path, words = self.picture
            lines += [f"![{words}]({os.path.relpath(ROOT / path, PAGE.parent)})", ""]
        return "\n".join(lines)


def table(columns: list[str], rows: list[list[str]]) -> Iterable[str]:
    """Returns the lines of a Markdown table."""
    return (f"| {' | '.join(row)} |" for row in (columns, ["---"] * len(columns), *rows))


def results() -> dict[str, Result]:
    """Returns every result, by the name of its file."""
    return {path.stem: Result.read(path) for path in sorted(RESULTS.glob("*.json"))}


def page() -> str:
    """Returns the whole page."""
    parts = [_INTRODUCTION]
    for section in SECTIONS:
        found = sorted((r for r in results().values() if r.section == section), key=lambda r: (r.order, r.title))
        parts += [f"## {section}\n", *(result.written() for result in found)]
    return "\n".join(parts)


def new_result(name: str, command: str) -> Path:
    """Writes a result file to fill in and returns its path. Raises FileExistsError."""
    path = RESULTS / f"{name}.json"
    revision = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()
    fields = {
        "section": SECTIONS[0],
        "order": 1,
        "title": name,
        "command": command,
        "machine": f"{os.cpu_count()} CPU cores",
        "date": datetime.now(UTC).date().isoformat(),
        "revision": revision,
        "columns": ["what", "measured"],
        "rows": [["", ""]],
        "notes": [],
    }
    with path.open("x", encoding="utf-8") as file:
        file.write(json.dumps(fields, ensure_ascii=False, indent=2) + "\n")
    return path


def main() -> None:
    """Writes the page, checks it, or begins a result file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 where the page differs")
    parser.add_argument("--new", metavar="NAME", help="begin benchmarks/results/NAME.json")
    parser.add_argument("command", nargs="*", help="with --new: the command that was run")
    given = parser.parse_args()
    if given.new:
        print(new_result(given.new, shlex.join(given.command)))
    elif given.check:
        if PAGE.read_text("utf-8") != page():
            sys.exit("docs/benchmarks.md is not what benchmarks/results give; run `python -m benchmarks.report`")
    else:
        PAGE.write_text(page(), "utf-8")


if __name__ == "__main__":
    main()
