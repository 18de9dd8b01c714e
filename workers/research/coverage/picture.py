"""The places of the edits as a picture: distances of each kind in certified radii, the certified region shaded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from smoothgen.errors import SmoothGenError
from workers.research.coverage.edits import CHANGED, SAME
from workers.research.coverage.measure import Measured
from workers.research.coverage.report import share_of

_GREEN, _RED, _GREY = "#55a868", "#c44e52", "#777777"
_NEAREST: Final = 0.01
"""The smallest distance that is drawn. Nearer edits are drawn there, because a logarithm has no room for 0."""
_TICKS: Final = (0.01, 0.1, 1, 10, 100)


def draw_coverage(groups: Sequence[tuple[str, Sequence[Measured]]], path: Path) -> None:
    """Draws a panel for each group with its title, in it a row of dots for each kind, and at the right how many of them
    lie inside.

    Raises SmoothGenError where matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise SmoothGenError("drawing needs matplotlib: pip install 'smoothgen[plot]'") from error
    kinds = [[k for k in (*SAME, *CHANGED) if share_of(measured, [k], k).edits] for _, measured in groups]
    rows = [max(1, len(k)) for k in kinds]
    figure = Figure(figsize=(8, 0.9 * len(groups) + 0.38 * sum(rows)), dpi=150, layout="constrained")
    panels = figure.subplots(len(groups), 1, squeeze=False, sharex=True, height_ratios=rows)[:, 0]
    for axes, (title, measured), of_group in zip(panels, groups, kinds, strict=True):
        _panel(axes, title, measured, of_group)
    panels[-1].set(xlabel="distance from the certified prompt, in certified radii (logarithmic)")
    furthest = max((p.radii for _, m in groups for one in m for p in one.places if p.radii is not None), default=1)
    panels[-1].set_xlim(right=2 * max(1, furthest))
    figure.savefig(path)


def _panel(axes: Any, title: str, measured: Sequence[Measured], kinds: Sequence[Any]) -> None:
    random = np.random.default_rng(0)
    axes.axvspan(_NEAREST / 2, 1, color=_GREEN, alpha=0.12, lw=0)
    axes.axvline(1, color=_GREEN, lw=1.2)
    for row, kind in enumerate(kinds):
        colour = _GREEN if kind in SAME else _RED
        radii = [p.radii for m in measured for p in m.places if p.edit.kind == kind and p.radii is not None]
        share = share_of(measured, [kind], kind)
        axes.scatter(
            np.maximum(radii, _NEAREST),
            row + random.uniform(-0.28, 0.28, len(radii)),
            s=9,
            color=colour,
            alpha=0.6,
            lw=0,
        )
        said = f"{share.covered} of {share.edits} covered"
        if share.comparable < share.edits:
            said += f"\n{share.edits - share.comparable} not comparable"
        axes.text(1.01, row, said, transform=axes.get_yaxis_transform(), va="center", fontsize=8, color=colour)
    axes.set_yticks(range(len(kinds)), kinds, fontsize=9)
    for label, kind in zip(axes.get_yticklabels(), kinds, strict=True):
        label.set_color(_GREEN if kind in SAME else _RED)
    axes.set(xscale="log", ylim=(len(kinds) - 0.5, -0.5), xlim=(_NEAREST / 2, None))
    axes.set_xticks(_TICKS, [f"{tick:g}" if tick > _NEAREST else f"≤ {tick:g}" for tick in _TICKS])
    axes.minorticks_off()
    axes.set_title(title, fontsize=10, loc="left")
    axes.text(0.9, -0.45, "certified", color=_GREEN, fontsize=8, ha="right", va="top")
    axes.tick_params(axis="x", labelcolor=_GREY)
    axes.spines[["top", "right"]].set_visible(False)
