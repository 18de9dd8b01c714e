"""How good the outputs are under each setting."""

from __future__ import annotations

from collections.abc import Sequence

from smoothgen.studies.grouped import Measured, groups, sources
from smoothgen.studies.reports.blocks import Line, Section, Table
from smoothgen.studies.reports.figures import NONE, plain
from smoothgen.studies.rows import FidelityRow

Fidelity = Sequence[Measured[FidelityRow]]


def section(rows: Fidelity) -> Section | None:
    """Returns the section of fidelity: a table over all prompts, and one by prompt. None where nothing was measured."""
    if not rows:
        return None
    over_all = [one for one in rows if one.row.prompt is None]
    by_prompt = [one for one in rows if one.row.prompt is not None]
    says = (
        "Intervals hold with the confidence beside them; numbers without one are estimates. A measure in our feature "
        "space has our encoder's scale: its points are not points of anybody's FID."
    )
    blocks = []
    if over_all:
        blocks.append(_table("Fidelity over all prompts", says, over_all))
    if by_prompt:
        blocks.append(_table("Fidelity by prompt", says, by_prompt, long=True))
    return Section("Fidelity", (), tuple(blocks), level=3)


def _table(title: str, says: str, rows: Fidelity, *, long: bool = False) -> Table:
    lines = []
    for of_measure in groups(rows, lambda row: row.measure).values():
        for one in of_measure:
            row = one.row
            interval = NONE
            if row.low is not None or row.high is not None:
                sure = "" if row.alpha is None else f", {plain(1 - row.alpha)}"
                interval = f"{plain(row.low)} to {plain(row.high)}{sure}"
            prompt = () if row.prompt is None else (row.prompt,)
            cells = (row.measure, row.setting, *prompt, plain(row.value), row.unit, interval, str(row.samples))
            lines.append(Line(cells, sources([one])))
    prompt = ("prompt",) if long else ()
    columns = ("measure", "setting", *prompt, "value", "unit", "interval, confidence", "outputs")
    return Table(title, says, columns, tuple(lines), long=long)
