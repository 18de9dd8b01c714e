"""The committed files of the pages against their sources."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.console.toolchain import Toolchain
from tests.support.processes import ROOT

PAGES = ("console", "docs", "redoc")


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_the_built_pages_are_those_of_the_sources_byte_for_byte(toolchain: Toolchain) -> None:
    toolchain.run("run", "build")
    for page in PAGES:
        built, committed = files_of(toolchain.pages / page), files_of(ROOT / "app/pages" / page)
        assert sorted(built) == sorted(committed), "run `npm run build` in console/ and commit app/pages"
        differing = [name for name in built if built[name] != committed[name]]
        assert differing == [], "run `npm run build` in console/ and commit app/pages"


@pytest.mark.parametrize("page", PAGES)
def test_a_page_carries_no_source_map_and_no_inline_script_or_style(page: str) -> None:
    folder = ROOT / "app/pages" / page
    assert list(folder.rglob("*.map")) == []
    html = (folder / "index.html").read_text()
    assert "<style" not in html
    assert "style=" not in html
    assert html.count("<script") == html.count(" src=")
