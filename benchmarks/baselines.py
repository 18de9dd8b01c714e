"""Average radii of every method on the same samples: python -m benchmarks.baselines [--folder FOLDER]

Prints the table of docs/evaluation/baselines.md from the rows in docs/evaluation/baselines, which
`python -m workers.evaluation baselines --out docs/evaluation/baselines` measures, or that of another study's folder. It
measures nothing itself.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

from smoothgen.evaluation.curves import Radii
from smoothgen.studies.rows import CertificateRow
from smoothgen.studies.store import Store

FOLDER = Path(__file__).parents[1] / "docs" / "evaluation" / "baselines"
COLUMNS = {
    "SmoothGen": "SmoothGen",
    "GAN smoothing": "GAN smoothing",
    "Center Smoothing (Kumar": "Center Smoothing, paper",
    "Center Smoothing (our": "Center Smoothing, exact",
    "majority": "majority",
    "Lipschitz": "Lipschitz-enforced",
}
NO_COLUMN = "no defence"
"""How the name begins of the method whose radius is 0 everywhere."""


def column_of(method: str) -> str | None:
    """Returns the method's column: a short name where COLUMNS has the beginning of its own, else its own; None for the
    method without a column."""
    if method.lower().startswith(NO_COLUMN):
        return None
    return next((name for begins, name in COLUMNS.items() if method.startswith(begins)), method)


def table(rows: Iterable[CertificateRow]) -> str:
    """Average radius, abstentions as 0, and the number of prompts with a radius above 0, by model, metric and sigma."""
    radii: dict[tuple[str, str, str], dict[str, list[float | None]]] = {}
    for row in rows:
        column = column_of(row.method)
        if column is not None:
            cells = radii.setdefault((row.model, row.metric, row.setting.split(" (")[0]), {})
            cells.setdefault(column, []).append(row.radius)
    found = dict.fromkeys(column for cells in radii.values() for column in cells)
    columns = [*(name for name in COLUMNS.values() if name in found), *sorted(found.keys() - set(COLUMNS.values()))]
    lines = [f"| model | metric | noise | {' | '.join(columns)} |", f"|{'---|' * (len(columns) + 3)}"]
    for (model, metric, setting), cells in sorted(radii.items()):
        shown = " | ".join(_cell(cells.get(column)) for column in columns)
        lines.append(f"| `{model}` | `{metric}` | {setting.replace('sigma', 'σ')} | {shown} |")
    return "\n".join(lines)


def _cell(values: list[float | None] | None) -> str:
    if values is None:
        return ""
    certified = sum(1 for value in values if value)
    return f"{Radii(tuple(values)).average:.3f} ({certified} of {len(values)})"


def stored(folder: Path = FOLDER) -> list[CertificateRow]:
    """Every certificate row of a study's folder."""
    return [row for finished in Store(folder) for row in finished.rows if isinstance(row, CertificateRow)]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Print average radii of every method.")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="the study's folder")
    folder = parser.parse_args(arguments).folder
    if not (folder / "tasks").is_dir():
        parser.error(f"{folder} holds no study: it has no folder 'tasks'; run `smoothgen evaluate` into it first")
    print(table(stored(folder)))


if __name__ == "__main__":
    main()
