"""`smoothgen neighbours --sheet`: captions hold what is known of a neighbour, and nothing a line cannot hold."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from smoothgen.cli.sheet import _caption, draw_sheet
from smoothgen.contracts import Neighbour, NeighboursView


def png(shade: int, side: int = 8) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full((side, side, 3), shade, np.uint8)).save(buffer, format="PNG")
    return buffer.getvalue()


def view_of(*neighbours: Neighbour) -> NeighboursView:
    return NeighboursView(
        certificate="c",
        tolerance=0.1,
        radius=0.5,
        next_cost=1.0,
        runs=len(neighbours),
        changed=sum(each.changed for each in neighbours),
        words_kept=True,
        neighbours=list(neighbours),
    )


KEPT = Neighbour(rank=1, cost=0.41789, distance=0.05012, changed=False, text="a blue hat")
BROKEN = Neighbour(rank=2, cost=0.5, distance=1.0, changed=True, text="a $red$ hat")


@pytest.mark.parametrize("count", [1, 2, 30])
def test_a_sheet_has_a_place_for_the_prompts_own_picture_and_for_every_other(tmp_path: Path, count: int) -> None:
    neighbours = [BROKEN.model_copy(update={"rank": rank}) for rank in range(1, count + 1)]
    draw_sheet(view_of(*neighbours), png(0), {each.rank: png(each.rank) for each in neighbours}, tmp_path / "sheet.png")
    width, height = Image.open(tmp_path / "sheet.png").size
    assert width > 300
    assert height > 300


def test_a_frame_is_red_where_the_answer_changes(tmp_path: Path) -> None:
    def reds(*neighbours: Neighbour) -> int:
        draw_sheet(view_of(*neighbours), png(0), {1: png(9), 2: png(9, side=64)}, tmp_path / "sheet.png")
        pixels = np.asarray(Image.open(tmp_path / "sheet.png").convert("RGB")).astype(int)
        return int(np.count_nonzero((pixels[..., 0] > pixels[..., 1] + 60) & (pixels[..., 0] > 150)))

    assert reds(KEPT) == 0
    thin = reds(KEPT, BROKEN.model_copy(update={"changed": True, "rank": 2}))
    assert thin > 500


def test_captions_round_to_the_safe_side_and_write_texts_as_python_does() -> None:
    assert _caption(KEPT).splitlines() == ["1: cost 0.417", "distance 0.0502", "'a blue hat'"]
    failed = Neighbour(rank=3, cost=1.0, distance=None, changed=True, text="x\n\x1b[2J" + "y" * 100)
    first, second, *text = _caption(failed).splitlines()
    assert (first, second) == ("3: cost 1.0", "failed")
    assert len(text) == 2
    assert text[-1].endswith("…")
    assert all(line.isprintable() for line in text)
    assert _caption(KEPT.model_copy(update={"text": "un café な"})).splitlines()[-1] == "'un café \\u306a'"
    assert _caption(BROKEN.model_copy(update={"text": None})).splitlines() == ["2: cost 0.5", "distance 1.0"]
