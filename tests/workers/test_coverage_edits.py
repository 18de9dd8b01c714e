"""Edits of prompts: what is swapped for what, whether it keeps the meaning, and that nothing is left to chance."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.workers import tiny_wordnet
from workers.research.coverage.edits import CHANGED, SAME, Edit, edits_of, load_given, load_templates, shipped_templates
from workers.research.coverage.endings import base_form, inflect, with_articles
from workers.research.coverage.words import swappable
from workers.research.wordnet_files import Wordnet
from workers.training.captions import held_out_captions


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tiny_wordnet.write(tmp_path_factory.mktemp("wordnet"))


@pytest.fixture(scope="module")
def wordnet(folder: Path) -> Wordnet:
    return Wordnet(folder)


def texts(edits: list[Edit], kind: str) -> list[str]:
    return [e.text for e in edits if e.kind == kind]


def test_words_are_swapped_by_synonyms_and_by_words_of_another_meaning(wordnet: Wordnet):
    edits = edits_of("a red sneaker", wordnet, [], [], most=9)
    assert texts(edits, "synonym") == ["a crimson sneaker", "a red gym shoe", "a red tennis shoe"]
    assert texts(edits, "coordinate") == [
        "a blue sneaker",
        "a red sandal",
        "a red anklet",
    ]  # "color cast": no adjective
    assert texts(edits, "antonym") == ["an achromatic sneaker"]
    assert {e.text: e.swap for e in edits}["a red gym shoe"] == ("sneaker", "gym shoe")
    assert all(e.same == (e.kind == "synonym") for e in edits)


def test_edits_are_the_same_every_time_and_a_limit_cuts_all_words_alike(folder: Path):
    templates = shipped_templates("image")
    all_edits = [edits_of("two red sneakers", Wordnet(folder), templates, [], most=9) for _ in range(2)]
    assert all_edits[0] == all_edits[1]
    assert len({e.text for e in all_edits[0]}) == len(all_edits[0])
    limited = edits_of("two red sneakers", Wordnet(folder), templates, [], most=2)
    assert texts(limited, "synonym") == ["two crimson sneakers", "two red gym shoes"]
    assert all(len(texts(limited, kind)) <= 2 for kind in (*SAME, *CHANGED))


def test_names_are_swapped_for_names_and_capitals_are_kept(wordnet: Wordnet):
    edits = edits_of("What is the capital of France?", wordnet, [], [], most=9)
    assert texts(edits, "synonym") == ["What is the capital of French Republic?"]
    assert texts(edits, "coordinate") == ["What is the capital of Germany?"]
    assert texts(edits, "negation") == ["What is not the capital of France?"]
    assert texts(edits_of("Sneakers are hot", wordnet, [], [], most=9), "synonym")[0] == "Gym shoes are hot"
    assert texts(edits_of("Sneakers are hot", wordnet, [], [], most=9), "antonym") == ["Sneakers are cold"]


def test_words_without_one_clear_meaning_and_function_words_are_left_alone(wordnet: Wordnet):
    assert swappable(wordnet, "the bank of a country, and no more of it")[0].base == "country"
    assert texts(edits_of("the bank", wordnet, [], [], most=9), "synonym") == []
    assert swappable(wordnet, "xyzzy, please, to us") == []


@pytest.mark.parametrize(
    ("prompt", "synonyms"),
    [
        ("they walked home", ["they strolled home"]),  # no "they went home": went or gone?
        ("he is walking", ["he is strolling", "he is going"]),
        ("she walks", ["she strolls", "she goes"]),
        ("children", ["kids"]),
        ("kids", ["children"]),
        ("he ran quickly", ["he ran rapidly"]),
    ],
)
def test_swapped_words_keep_their_endings(wordnet: Wordnet, prompt: str, synonyms: list[str]):
    assert texts(edits_of(prompt, wordnet, [], [], most=9), "synonym") == synonyms


def test_an_irregular_past_is_neither_read_nor_written(wordnet: Wordnet):
    assert base_form(wordnet, "went", "v") is None
    assert inflect(wordnet, "go", "v", "ed") is None  # went or gone?
    assert base_form(wordnet, "xyzzy", "n") is None


def test_articles_follow_the_word_after_them():
    assert with_articles("A orange, an red and a hour of an one-off") == "An orange, a red and an hour of a one-off"


def test_numbers_change_and_decimals_stay_whole(wordnet: Wordnet):
    found = texts(edits_of("Two of 3 rows, 1.5 m, version 2.", wordnet, [], [], most=9), "number")
    assert found == ["Three of 3 rows, 1.5 m, version 2.", "Two of 4 rows, 1.5 m, version 2.",
                     "Two of 3 rows, 1.5 m, version 3."]  # fmt: skip


@pytest.mark.parametrize("modality", ["text", "image"])
def test_shipped_templates_keep_the_prompt_and_both_meanings(modality: str):
    templates = shipped_templates(modality)
    assert {t.kind for t in templates} == {"template", "negation"}
    assert len({t.text for t in templates}) == len(templates)
    held_out = {caption.text for caption in held_out_captions()}
    assert not any(t.text.replace("{prompt}", p) in held_out for t in templates for p in ("a red sneaker", "red"))


def test_files_of_templates_and_paraphrases_are_read_and_bad_lines_named(tmp_path: Path):
    good = tmp_path / "good.tsv"
    good.write_text("# a comment\na cat\tthe cat\tsame\na cat\ta dog\tdifferent\n\nb\tc\tsame\n")
    given = load_given(good)
    assert [(e.kind, e.text) for e in given["a cat"]] == [("given paraphrase", "the cat"), ("given change", "a dog")]
    assert list(given) == ["a cat", "b"]
    bad = tmp_path / "bad.tsv"
    bad.write_text("a cat\tthe cat\tsame\na cat\ta dog\tperhaps\n")
    with pytest.raises(ValueError, match=r"bad\.tsv, line 2: .*perhaps"):
        load_given(bad)
    bad.write_text("same\ta photo\n")
    with pytest.raises(ValueError, match=r"bad\.tsv, line 1: .*\{prompt\}"):
        load_templates(bad)


def test_a_missing_wordnet_names_the_file_and_the_remedy(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match=r"data\.noun is missing; install Debian's wordnet-base"):
        Wordnet(tmp_path)
