"""Commands that draw refuse a path before they ask a server, where no picture could be written under that name."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer import BadParameter

from smoothgen.cli.options import picture_file


def test_a_picture_goes_where_it_is_said(tmp_path: Path) -> None:
    assert picture_file(None) is None
    for name in ("sheet.png", "sheet.PNG", "sheet.v2.svg", "sheet.pdf"):
        assert picture_file(tmp_path / name) == tmp_path / name


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("sheet", "must end in .png, .pdf or .svg, such as 'sheet.png'"),
        ("sheet.xyz", "such as 'sheet.png'"),
        (".", "is a folder; name a file in it"),
        ("nowhere/sheet.png", "is no folder; make it first"),
    ],
)
def test_a_path_that_no_picture_can_have_is_refused(tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(BadParameter, match=words):
        picture_file(tmp_path / name)
