"""The drawings of a report. They need matplotlib, and ask for it only when they are drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
_WIDTH, _HEIGHT, _LEGEND_LINE = 7.5, 3.6, 0.18
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


def steps(lines: Sequence[Steps], unit: str) -> Callable[[Any], None]:
    """Returns what draws certified share against radius."""

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        radii = [epsilon for line in lines for epsilon, _ in line.radii.curve() if epsilon < UNLIMITED]
        end = 1.05 * (max(radii, default=0.0) or 1.0)
        for place, line in enumerate(lines):
            # The share at a radius is reached up to and including it, so each step ends there. Radii without a limit
            # end at the edge.
            curve = [(min(epsilon, end), share) for epsilon, share in line.radii.curve()] or [(0.0, 0.0)]
            across = [0.0, *(epsilon for epsilon, _ in curve), curve[-1][0], end]
            up = [curve[0][1], *(share for _, share in curve), 0.0, 0.0]
            axes.plot(
                across,
                up,
                drawstyle="steps-pre",
                color=(_OURS if line.ours else _OTHERS)[place % len(_OURS)],
                ls="-" if line.ours else "--",
                lw=2,
                label=_cut(line.label),
            )
        axes.set(
            xlabel=f"radius ({unit})",
            ylabel="certified share of prompts",
            xlim=(0, end),
            ylim=(0, 1.04),
        )
        _finish(figure, axes)

    return draw


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
        axes.set_xlim(0, 1.05 * max(furthest, 1.0))
        if furthest > 8:
            axes.set_xscale("log")
            axes.set_xlim(None, 1.2 * furthest)
        _finish(figure, axes)

    return draw


def save(picture: Picture, folder: Path) -> Path:
    """Draws a picture into `folder`, as PNG, and returns its file. Raises SmoothGenError where matplotlib is not
    installed."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise SmoothGenError("reports draw with matplotlib: pip install 'smoothgen[evaluate]'") from error
    figure = Figure(figsize=(_WIDTH, _HEIGHT + _LEGEND_LINE * picture.legend), dpi=120, layout="constrained")
    picture.draw(figure)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{picture.name}.png"
    # Without the version of matplotlib in it, equal rows give equal files for longer.
    figure.savefig(path, metadata={"Software": None})
    return path


def _finish(figure: Any, axes: Any) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    if axes.get_legend_handles_labels()[1]:
        figure.legend(loc="outside lower center", ncols=1, frameon=False, fontsize="small")


def _cut(label: str) -> str:
    return label if len(label) <= _LONGEST_LABEL else label[: _LONGEST_LABEL - 1] + "…"
