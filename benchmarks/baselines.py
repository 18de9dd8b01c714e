"""Average radii of every method on the same samples: python -m benchmarks.baselines

Prints the table of docs/evaluation/baselines.md from the rows in docs/evaluation/baselines, which
`python -m workers.evaluation baselines --out docs/evaluation/baselines` measures. It measures nothing itself.
"""

from __future__ import annotations

from collections.abc import Iterable
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
"""The columns, by how the methods' names begin."""


def table(rows: Iterable[CertificateRow]) -> str:
    """Average radius, abstentions as 0, and the number of prompts with a radius above 0, by model, metric and sigma."""
    radii: dict[tuple[str, str, str], dict[str, list[float | None]]] = {}
    for row in rows:
        column = next((name for begins, name in COLUMNS.items() if row.method.startswith(begins)), None)
        if column is not None:
            cells = radii.setdefault((row.model, row.metric, row.setting.split(" (")[0]), {})
            cells.setdefault(column, []).append(row.radius)
    lines = [f"| model | metric | noise | {' | '.join(COLUMNS.values())} |", f"|{'---|' * (len(COLUMNS) + 3)}"]
    for (model, metric, setting), cells in sorted(radii.items()):
        shown = " | ".join(_cell(cells.get(column)) for column in COLUMNS.values())
        lines.append(f"| `{model}` | `{metric}` | {setting.replace('sigma', 'σ')} | {shown} |")
    return "\n".join(lines)


def _cell(values: list[float | None] | None) -> str:
    if values is None:
        return ""
    certified = sum(1 for value in values if value)
    return f"{Radii(tuple(values)).average:.3f} ({certified} of {len(values)})"


def stored() -> list[CertificateRow]:
    """Every certificate row of the folder."""
    return [row for finished in Store(FOLDER) for row in finished.rows if isinstance(row, CertificateRow)]


def main() -> None:
    print(table(stored()))


if __name__ == "__main__":
    main()
