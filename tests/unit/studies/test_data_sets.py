"""Prompts of data sets, on tiny files of their shape."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from smoothgen.errors import InvalidInput
from smoothgen.studies.data_sets import read_prompts

pytestmark = pytest.mark.unit

CAPTIONS = {
    "info": {"description": "COCO 2017 Dataset", "url": "http://cocodataset.org", "year": 2017},
    "licenses": [{"url": "http://creativecommons.org", "id": 1, "name": "Attribution"}],
    "images": [{"license": 1, "file_name": "000000000007.jpg", "height": 480, "width": 640, "id": 7}],
    "annotations": [
        {"image_id": 7, "id": 31, "caption": "A cat on a mat."},
        {"image_id": 7, "id": 30, "caption": "A grey cat lies\n on a mat. "},
        {"image_id": 9, "id": 12, "caption": "Two dogs in the snow."},
        {"image_id": 9, "id": 15, "caption": "Two dogs in the snow."},
        {"image_id": 11, "id": 16, "caption": "   "},
    ],
}
PARAGRAPH = (
    " The bridge , built in 1894 @,@ 000 tons of steel , is a well @-@ known landmark of the town and much visited . "
)
WIKITEXT = ["", " = Bridge = \n", PARAGRAPH, " Too short . ", " = = Of old , " + "word " * 30 + " = = "]


@pytest.fixture
def captions(tmp_path: Path) -> Path:
    path = tmp_path / "captions_val2017.json"
    path.write_text(json.dumps(CAPTIONS))
    return path


@pytest.fixture
def wikitext(tmp_path: Path) -> Path:
    path = tmp_path / "test-00000-of-00001.parquet"
    parquet.write_table(pyarrow.table({"text": WIKITEXT}), path)
    return path


def test_a_picture_is_one_prompt_and_its_other_captions_are_paraphrases(captions):
    found = read_prompts(captions, 10, 0)
    assert {prompt.text: prompt.paraphrases for prompt in found.prompts} == {
        "A grey cat lies on a mat.": ("A cat on a mat.",),
        "Two dogs in the snow.": (),
    }
    assert (found.form, found.available) == ("coco-captions", 2)
    assert found.digest == f"sha256:{hashlib.sha256(captions.read_bytes()).hexdigest()}"


def test_a_paragraph_gives_its_first_words_and_headings_give_none(wikitext):
    found = read_prompts(wikitext, 10, 0, words=8)
    assert found.texts == ("The bridge , built in 1894,000 tons of",)
    assert found.form == "wikitext"


def test_lines_of_a_text_file(tmp_path):
    path = tmp_path / "prompts.txt"
    path.write_text("one\n\n  two \none\n")
    assert set(read_prompts(path, 5, 0).texts) == {"one", "two"}


def test_the_seed_alone_decides_which_are_chosen(tmp_path):
    path = tmp_path / "prompts.txt"
    path.write_text("\n".join(f"prompt {i}" for i in range(100)))
    backwards = tmp_path / "backwards.txt"
    backwards.write_text("\n".join(f"prompt {i}" for i in reversed(range(100))))
    chosen = read_prompts(path, 8, 1).texts
    assert chosen == read_prompts(backwards, 8, 1).texts
    assert chosen != read_prompts(path, 8, 2).texts
    assert chosen == read_prompts(path, 20, 1).texts[:8]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("prompts.csv", b"a", "got .*prompts.csv"),
        ("a.json", b'{"images": []}', "not of COCO's captions form.*Field required"),
        ("a.json", b"[", "not of COCO's captions form"),
        ("a.json", b'{"annotations": [{"id": 1, "image_id": 2, "caption": " "}]}', "holds no prompt"),
        ("a.parquet", b"PAR1", "no parquet file with a column `text`"),
        ("a.txt", b"\xff\xfe", "no text in UTF-8"),
        ("b.txt", b"\n\n", "holds no prompt"),
    ],
)
def test_other_files_are_refused(tmp_path, name, content, told):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match=told):
        read_prompts(path, 1, 0)


def test_a_parquet_without_the_column_and_a_limit_of_0_are_refused(tmp_path, captions):
    path = tmp_path / "other.parquet"
    parquet.write_table(pyarrow.table({"line": ["a"]}), path)
    with pytest.raises(InvalidInput, match="column `text`"):
        read_prompts(path, 1, 0)
    with pytest.raises(InvalidInput, match="got 0"):
        read_prompts(captions, 0, 0)
    with pytest.raises(FileNotFoundError):
        read_prompts(tmp_path / "none.parquet", 1, 0)
