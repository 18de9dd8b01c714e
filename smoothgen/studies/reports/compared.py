"""Our certificates beside other people's, on the same prompts, samples, metric and tolerance."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from smoothgen.studies.grouped import groups, radii, sources
from smoothgen.studies.reports.blocks import Line, Picture, Section, Table
from smoothgen.studies.reports.certified import DASHED, Certificates, at_share, file_name, lines_of, setting_of
from smoothgen.studies.reports.figures import NONE, at_least, headline, plain, share
from smoothgen.studies.reports.pictures import Panel, steps
from smoothgen.studies.rows import CertificateRow

COLUMNS = (
    "setting",
    "metric, τ",
    "method",
    "what it claims",
    "prompts",
    "abstained",
    "radius of half",
    "average",
    "ours over its average",
    "prompts where ours is larger",
)

SAYS = (
    "A radius beside another one is a comparison only where both claim the same thing: read the fourth column first. "
    "“Ours over its average” divides averages over the same prompts, abstentions counted as 0; “∞” says that the other "
    "method certifies none of them. Ours rests on a proven Lipschitz constant (T4) where the model has one, else on "
    "samples. All baselines are our re-implementations."
)


@dataclass(frozen=True)
class Ratio:
    """Our average radius over a baseline's, on the prompts that both were asked. larger: prompts where ours is."""

    setting: str
    method: str
    ratio: float | None
    larger: int
    prompts: int
    rows: Certificates

    @property
    def behind(self) -> bool:
        """Returns whether the baseline's average is the larger one, in the three digits that are shown."""
        return self.ratio is not None and round(self.ratio, 3) < 1


def compared_of(rows: Certificates) -> list[Certificates]:
    """Returns groups in which the same prompts, metric, tolerance and unit were asked of ours and of a baseline."""
    asked = [one for one in rows if not one.row.estimated]
    found = groups(asked, _question).values()
    return [group for group in found if any(not one.row.ours for one in group)]


def ratios(rows: Certificates) -> Iterator[Ratio]:
    """Yields a ratio for each baseline of each group. Of several methods of ours the first one is compared."""
    for group in compared_of(rows):
        methods = list(groups(group, setting_of).values())
        ours = next((found for found in methods if found[0].row.ours), None)
        for found in methods:
            if not found[0].row.ours:
                yield _ratio(ours, found)


def section(model: str, rows: Certificates) -> Section | None:
    """Returns the section of baselines, None where a study has none."""
    compared = compared_of(rows)
    if not compared:
        return None
    of = {id(ratio.rows[0]): ratio for ratio in ratios(rows)}
    lines = [
        _line(found, of.get(id(found[0])))
        for group in compared
        for found in sorted(groups(group, setting_of).values(), key=lambda f: not f[0].row.ours)
    ]
    behind = [f"{r.method} in {r.setting}" for r in ratios(rows) if r.behind]
    words = (
        (f"Ours has the smaller average against {'; '.join(behind)}. What those methods claim instead stands beside.",)
        if behind
        else ("No baseline has a larger average radius than ours in this study.",)
    )
    table = Table("Baselines side by side", SAYS, COLUMNS, tuple(lines))
    claims = {one.row.method: one for one in rows if not one.row.ours or one.row.study == compared[0][0].row.study}
    told = tuple(Line((method, one.row.claim), (one.source,)) for method, one in claims.items())
    meanings = Table(
        "What each method claims, in full", "Claims that differ are no ranking.", ("method", "claim"), told
    )
    return Section("Baselines", words, (_picture(model, compared), table, meanings), level=3)


def _picture(model: str, compared: Sequence[Certificates]) -> Picture:
    panels = []
    for group in compared:
        row = group[0].row
        title = f"{row.setting}, {row.metric}, τ = {plain(row.tolerance)}"
        panels.append(Panel(title, tuple(lines_of(group, lambda row: row.method)), row.unit))
    labels = {line.label for panel in panels for line in panel.lines}
    return Picture(
        f"{file_name(model)}-baselines",
        f"{model}: certified share against radius, ours and baselines",
        f"Share of prompts certified at the radius below; abstentions are failures. {DASHED}",
        steps(panels),
        legend=len(labels),
        rows=-(-len(panels) // 2),
        columns=min(2, len(panels)),
        sources=tuple(one.source for group in compared for one in group),
    )


def _question(row: CertificateRow) -> Hashable:
    return (row.study, row.setting, row.metric, row.unit, row.tolerance)


def _ratio(ours: Certificates | None, theirs: Certificates) -> Ratio:
    row = theirs[0].row
    their = {one.row.prompt: _radius(one.row) for one in theirs}
    our = {one.row.prompt: _radius(one.row) for one in ours or ()}
    prompts = [prompt for prompt in their if prompt in our]
    larger = sum(our[prompt] > their[prompt] for prompt in prompts)
    mean, other = _mean([our[p] for p in prompts]), _mean([their[p] for p in prompts])
    ratio = None if not prompts or (mean == 0 and other == 0) else float("inf") if other == 0 else mean / other
    return Ratio(row.setting, row.method, ratio, larger, len(prompts), theirs)


def _line(found: Certificates, ratio: Ratio | None) -> Line:
    row, of_all = found[0].row, radii(found)
    return Line(
        (
            row.setting,
            f"{row.metric}, {plain(row.tolerance)}",
            row.method,
            headline(row.claim),
            str(len(found)),
            share(of_all.abstained, len(found)),
            at_least(at_share(of_all, 0.5)),
            at_least(of_all.average),
            NONE if ratio is None else plain(ratio.ratio),
            NONE if ratio is None else share(ratio.larger, ratio.prompts),
        ),
        sources(found),
    )


def _radius(row: CertificateRow) -> float:
    return 0.0 if row.abstained is not None or row.radius is None else row.radius


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else 0.0
