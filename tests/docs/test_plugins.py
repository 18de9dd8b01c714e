"""The page on plug-ins shows the example package as it is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from smoothgen.certificates.meaning import metrics as meaning
from smoothgen.contracts import SCORE_NAMES
from smoothgen.plugins import METRICS, SCORES
from smoothgen.plugins.entry_points import _IN_THE_BOX

DOCS = Path(__file__).parents[2] / "docs"
PACKAGE = DOCS / "examples/plugins"


@pytest.mark.parametrize("file", sorted(path.name for path in PACKAGE.iterdir() if path.suffix in (".py", ".toml")))
def test_every_file_of_the_package_stands_on_the_page(file: str) -> None:
    page = (DOCS / "plugins.md").read_text("utf-8")
    blocks = re.findall(r"^```(?:python|toml)\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    assert (PACKAGE / file).read_text("utf-8") in blocks


def test_every_name_in_the_box_is_taken() -> None:
    assert _IN_THE_BOX[SCORES] == set(SCORE_NAMES)
    assert _IN_THE_BOX[METRICS] == {*meaning.METRICS, "plugin"}
