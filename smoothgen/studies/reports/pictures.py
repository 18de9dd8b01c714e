"""The drawings of a report. They need matplotlib, and ask for it only when they are drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from smoothgen.errors import SmoothGenError
from smoothgen.evaluation.curves import Radii
from smoothgen.studies.reports.blocks import Picture
from smoothgen.studies.reports.figures import UNLIMITED

_OURS: Final = ("#1f5fa8", "#dd8452", "#55a868", "#8172b3", "#c44e52", "#64b5cd", "#937860", "#ccb974")
_OTHERS: Final = ("#666666", "#a05195", "#2f7f6f", "#b8860b", "#7a1f1f", "#3b3b8f", "#7f7f00", "#00607f")
_MARKERS: Final = "osD^v<>P"
_RED: Final = "#c44e52"
_WIDTH, _WIDE, _HEIGHT, _LEGEND_LINE = 7.5, 10, 3.4, 0.18
"""Inches."""
_LONGEST_LABEL: Final = 90


@dataclass(frozen=True)
class Steps:
    """A line of certified share against radius."""

    label: str
    radii: Radii
    ours: bool


@dataclass(frozen=True)
class Point:
    """An attack in a picture: across the attack's norm over the certified radius, up what it did over the tolerance,
    proven and estimated."""

    group: str
    multiple: float
    lower: float
    estimate: float


@dataclass(frozen=True)
class Panel:
    """One of several drawings of certified share against radius in a picture."""

    title: str
    lines: tuple[Steps, ...]
    unit: str


def steps(panels: Sequence[Panel]) -> Callable[[Any], None]:
    """Returns what draws certified share against radius, two panels abreast. A label has one colour in all of them."""

    def draw(figure: Any) -> None:
        names = list(dict.fromkeys((line.label, line.ours) for panel in panels for line in panel.lines))
        looks = {
            label: {"color": (_OURS if ours else _OTHERS)[place % len(_OURS)], "ls": "-" if ours else "--"}
            for place, (label, ours) in enumerate(names)
        }
        columns = min(2, len(panels))
        grid = figure.subplots(-(-len(panels) // columns), columns, squeeze=False).ravel()
        for axes, panel in zip(grid, panels, strict=False):
            _draw_panel(axes, panel, looks)
        for unused in grid[len(panels) :]:
            unused.set_visible(False)
        handles = {h.get_label(): h for axes in grid[: len(panels)] for h in axes.get_lines()}
        figure.legend(handles=[*handles.values()], loc="outside lower center", frameon=False, fontsize="small")

    return draw


def _draw_panel(axes: Any, panel: Panel, looks: Mapping[str, Mapping[str, Any]]) -> None:
    radii = [epsilon for line in panel.lines for epsilon, _ in line.radii.curve() if epsilon < UNLIMITED]
    end = 1.05 * (max(radii, default=0.0) or 1.0)
    for place, line in enumerate(panel.lines):
        # Later lines are thinner, so that equal ones are seen. The share at a radius is reached up to and including
        # it, so each step ends there. Radii without a limit end at the edge.
        curve = [(min(epsilon, end), share) for epsilon, share in line.radii.curve()] or [(0.0, 0.0)]
        across = [0.0, *(epsilon for epsilon, _ in curve), curve[-1][0], end]
        up = [curve[0][1], *(share for _, share in curve), 0.0, 0.0]
        axes.plot(
            across,
            up,
            drawstyle="steps-pre",
            lw=max(1.6, 3.8 - 0.4 * place),
            label=_cut(line.label),
            **looks[line.label],
        )
    axes.set(xlabel=f"radius ({panel.unit})", ylabel="certified share", xlim=(0, end), ylim=(0, 1.04))
    axes.set_title(panel.title, fontsize="medium")
    axes.spines[["top", "right"]].set_visible(False)


def multiples(points: Sequence[Point]) -> Callable[[Any], None]:
    """Returns what draws what attacks were proven to do, against their norm in certified radii."""

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        groups = list(dict.fromkeys(point.group for point in points))
        for place, group in enumerate(groups):
            of_group = [point for point in points if point.group == group]
            across, looks = [p.multiple for p in of_group], {"s": 24, "marker": _MARKERS[place % len(_MARKERS)]}
            colour = _OURS[(place + place // len(_MARKERS)) % len(_OURS)]
            axes.scatter(across, [p.estimate for p in of_group], facecolors="none", edgecolors=colour, **looks)
            axes.scatter(across, [p.lower for p in of_group], color=colour, label=_cut(group), zorder=3, **looks)
        axes.axhline(1, color=_RED, lw=1, label="the tolerance")
        axes.axvline(1, color=_OURS[2], lw=1, label="the certified radius")
        axes.set(xlabel="norm of the attack, in certified radii", ylabel="shift, in tolerances", ylim=(0, None))
        furthest = max((point.multiple for point in points), default=1.0)
        if furthest > 8:
            axes.set_xscale("log")
            axes.set_xlim(None, 1.2 * furthest)
        else:
            axes.set_xlim(0, 1.05 * max(furthest, 1.0))
        axes.spines[["top", "right"]].set_visible(False)
        figure.legend(loc="outside lower center", frameon=False, fontsize="small")

    return draw


def save(picture: Picture, folder: Path) -> Path:
    """Draws a picture into `folder`, as PNG, and returns its file. Raises SmoothGenError where matplotlib is not
    installed."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise SmoothGenError("reports draw with matplotlib: pip install 'smoothgen[evaluate]'") from error
    figure = Figure(
        figsize=(_WIDTH if picture.columns == 1 else _WIDE, _HEIGHT * picture.rows + _LEGEND_LINE * picture.legend),
        dpi=110,
        layout="constrained",
    )
    picture.draw(figure)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{picture.name}.png"
    # Without the version of matplotlib in it, equal rows give equal files for longer.
    figure.savefig(path, metadata={"Software": None})
    return path


def _cut(label: str) -> str:
    return label if len(label) <= _LONGEST_LABEL else label[: _LONGEST_LABEL - 1] + "…"
