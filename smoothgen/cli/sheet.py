"""The pictures behind a certificate of a picture model on one sheet: the prompt's own, then its neighbours', nearest
first. Needs matplotlib."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from smoothgen.certificates.bounds.rounding import round_down, round_up
from smoothgen.cli.plot import figure_of
from smoothgen.contracts import Neighbour, NeighboursView

_RED, _GREY = "#c44e52", "#999999"
_MOST_COLUMNS: Final = 8
_TILE: Final = (1.6, 2.1)
"""Inches of a picture with its caption: width, height."""
_LONGEST_LINE, _MOST_LINES = 22, 2
"""Characters of a line of a caption, and lines of a prompt's text."""


def draw_sheet(view: NeighboursView, own: bytes, pictures: Mapping[int, bytes], path: Path) -> None:
    """Draws a sheet. own: PNG of the prompt's own picture. pictures: PNG of each neighbour that has one, by its rank.

    Under each picture stand the neighbour's rank, the least attack norm that reaches it, how far its picture is from
    the prompt's own, and its text. The nearest that changes the answer has a thick red frame, the others that do a thin
    one. Raises SmoothGenError where matplotlib is not installed.
    """
    shown = [each for each in view.neighbours if each.rank in pictures]
    breaking = next((each.rank for each in view.neighbours if each.changed), None)
    columns = min(_MOST_COLUMNS, max(3, math.ceil(math.sqrt(1 + len(shown)))))
    rows = math.ceil((1 + len(shown)) / columns)
    figure = figure_of(figsize=(columns * _TILE[0], rows * _TILE[1] + 0.5))
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid:
        axes.axis("off")
    _draw(grid[0], own, "the prompt's own", "black", 1.5)
    for axes, each in zip(grid[1:], shown, strict=False):
        width = 3.0 if each.rank == breaking else 1.0 if each.changed else 0.3
        _draw(axes, pictures[each.rank], _caption(each), _RED if each.changed else _GREY, width)
    radius = "no limit" if view.radius is None else repr(round_down(view.radius, 4))
    figure.suptitle(
        f"{len(shown)} of {view.runs} neighbours, exact radius {radius}; red: changes the answer", fontsize=9
    )
    figure.savefig(path)


def _draw(axes: Any, png: bytes, caption: str, colour: str, width: float) -> None:
    from matplotlib.image import imread

    pixels = imread(io.BytesIO(png), format="png")
    axes.axis("on")
    axes.set(xticks=[], yticks=[])
    axes.imshow(pixels, interpolation="nearest")
    for spine in axes.spines.values():
        spine.set(color=colour, linewidth=width)
    axes.set_xlabel(caption, fontsize=6.5, color=_RED if colour == _RED else "black", parse_math=False)


def _caption(neighbour: Neighbour) -> str:
    """Returns what stands under a picture, costs rounded down and distances up."""
    far = "failed" if neighbour.distance is None else f"distance {round_up(neighbour.distance, 3)!r}"
    return "\n".join([f"{neighbour.rank}: cost {round_down(neighbour.cost, 3)!r}", far, *_lines(neighbour.text)])


def _lines(text: str | None) -> list[str]:
    """Returns a text as Python writes it, in lines of a caption's width. Texts come from a model's vocabulary: line
    breaks are escaped, and so are the characters that the font does not have."""
    if text is None:
        return []
    from matplotlib import font_manager

    font = font_manager.get_font(font_manager.findfont(font_manager.FontProperties()))
    written = "".join(sign if font.get_char_index(ord(sign)) else ascii(sign)[1:-1] for sign in repr(text))
    most = _LONGEST_LINE * _MOST_LINES
    written = written if len(written) <= most else f"{written[: most - 1]}…"
    return [written[k : k + _LONGEST_LINE] for k in range(0, len(written), _LONGEST_LINE)]
