"""The rules that build the partition, on a small WordNet, and that the same WordNet gives the same bytes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from smoothgen.synonyms import Partition
from smoothgen.synonyms.build import main, write
from smoothgen.synonyms.inflection import Inflection, indefinite_article
from smoothgen.synonyms.meanings import Meanings
from smoothgen.synonyms.wordnet import WordNet

LICENCE = "  1 a licence\n"
# (part, lexicographer's file, words, tags of each word, whether related to the synset before)
SYNSETS = {
    "n": [
        (6, ("car", "automobile", "Ford"), (9, 3, 0)),
        (6, ("sofa", "couch", "squab"), (5, 5, 0)),  # squab: never tagged, one sense
        (18, ("couch",), (0,)),
        (17, ("bank",), (20,)),
        (14, ("bank", "depository"), (18, 1)),  # bank: no sense outweighs the other
        (6, ("knife", "blade"), (4, 3)),
        (7, ("colour", "color"), (0, 8)),
        (5, ("sheep", "mutton"), (3, 2)),
        (21, ("purchase", "acquisition"), (9, 4)),
        (6, ("bus", "coach"), (3, 2)),
    ],
    "v": [
        (40, ("buy", "purchase"), (30, 12)),  # purchase: verb and noun
        (30, ("stop", "halt"), (9, 3)),
        (30, ("take", "seize"), (9, 3)),
        (30, ("ask", "inquire"), (9, 3)),
        (30, ("ask_for",), (1,)),
    ],
    "a": [(0, ("big", "large"), (9, 8)), (0, ("pink", "pinkish"), (9, 0))],
    "r": [(2, ("maybe", "possibly"), (3, 3))],
}
IRREGULAR = {
    "n": "knives knife\nsheep sheep\n",
    "v": "bought buy\nstopped stop\nstopping stop\ntook take\ntaken take\n",
}
NAMES = {"n": "noun", "v": "verb", "a": "adj", "r": "adv"}
TYPES = {"n": "1", "v": "2", "a": "3", "r": "4"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wordnet")
    counts = []
    for part, synsets in SYNSETS.items():
        senses: dict[str, list[tuple[int, str]]] = {}
        data = LICENCE
        for number, (field, words, tags) in enumerate(synsets):
            offset = f"{number:08}"
            listed = " ".join(f"{word} 0" for word in words)
            data += f"{offset} {field:02} {part} {len(words):02x} {listed} 000 | a gloss\n"
            for word, tagged in zip(words, tags, strict=True):
                senses.setdefault(word.lower(), []).append((tagged, offset))
        index = LICENCE
        for lemma, found in sorted(senses.items()):
            ordered = sorted(found, key=lambda sense: -sense[0])
            index += f"{lemma} {part} {len(found)} 0 {len(found)} 0 {' '.join(offset for _, offset in ordered)}\n"
            counts += [
                f"{lemma}%{TYPES[part]}:00:00:: {k} {tagged}" for k, (tagged, _) in enumerate(ordered, 1) if tagged
            ]
        (folder / f"data.{NAMES[part]}").write_text(data)
        (folder / f"index.{NAMES[part]}").write_text(index)
        (folder / f"{NAMES[part]}.exc").write_text(IRREGULAR.get(part, ""))
    (folder / "cntlist.rev").write_text("\n".join(counts) + "\n")
    return folder


@pytest.fixture(scope="module")
def partition(folder: Path) -> Partition:
    return Partition.read(write(WordNet(folder)))


@pytest.mark.parametrize(
    ("word", "members"),
    [
        ("car", {"car", "automobile"}),  # not the name
        ("cars", {"cars", "automobiles"}),
        ("sofa", {"sofa", "couch"}),  # couch: five tags against none; squab: nobody's word
        ("knives", {"knives", "blades"}),
        ("color", {"color", "colour"}),  # a spelling of an everyday word is one
        ("stopped", {"stopped", "halted"}),
        ("stopping", {"stopping", "halting"}),
        ("stops", {"stops", "halts"}),
        ("takes", {"takes", "seizes"}),
        ("big", {"big", "large"}),
        ("pink", {"pink", "pinkish"}),
        ("buses", {"buses", "coaches"}),
    ],
)
def test_words_of_one_meaning_are_together(partition: Partition, word: str, members: set[str]):
    assert set(partition.members(word)) == members


@pytest.mark.parametrize(
    ("word", "why"),
    [
        ("bank", "two senses of nearly equal weight"),
        ("purchase", "noun and verb"),
        ("buy", "left alone in its class"),
        ("ford", "a name"),
        ("squab", "rare among everyday words"),
        ("sheep", "one form for both numbers"),
        ("took", "past and participle differ"),
        ("ask", "heads a phrasal verb"),
        ("maybe", "a function word"),
    ],
)
def test_words_that_could_mean_something_else_are_alone(partition: Partition, word: str, why: str):
    assert partition.members(word) == (word,), why


def test_a_class_holds_one_inflection(folder: Path):
    meanings = Meanings(WordNet(folder))
    seen = {form: meanings.of(form) for form in ("car", "cars", "stop", "stops", "stopped", "stopping")}
    assert [m.inflection for m in seen.values() if m] == ["n.sg", "n.pl", "v.base", "v.s", "v.ed", "v.ing"]


def test_the_most_tagged_word_comes_first(partition: Partition):
    assert partition.members("automobile") == ("car", "automobile")
    assert partition.plain("an automobile") == "a car"


def test_forms(folder: Path):
    inflection = Inflection(WordNet(folder))
    assert inflection.plural("sofa") == "sofas"
    assert inflection.plural("coach") == "coaches"
    assert inflection.plural("knife") == "knives"
    assert inflection.verb_forms("stop") == {"base": "stop", "s": "stops", "ing": "stopping", "ed": "stopped"}
    assert inflection.verb_forms("seize") == {"base": "seize", "s": "seizes", "ing": "seizing", "ed": "seized"}
    assert "ed" not in inflection.verb_forms("take")
    assert ("stop", "v", "ed") in inflection.analyses("stopped")
    assert inflection.analyses("nonsense") == set()


@pytest.mark.parametrize(
    ("word", "article"),
    [("apple", "an"), ("car", "a"), ("hour", "an"), ("unit", "a"), ("uninvited", "an"), ("European".lower(), "a"),
     ("one-off", "a"), ("umbrella", "an"), ("heirloom", "an"), ("use", "a"), ("unimportant", "an")],
)  # fmt: skip
def test_the_article_follows_the_sound(word: str, article: str):
    assert indefinite_article(word) == article


def test_the_same_wordnet_gives_the_same_bytes_in_any_process(folder: Path, tmp_path: Path):
    contents = set()
    for seed in ("0", "1"):
        path = tmp_path / f"{seed}.txt"
        command = [sys.executable, "-m", "smoothgen.synonyms.build", "--wordnet", str(folder), "--output", str(path)]
        subprocess.run(command, check=True, capture_output=True, env={**os.environ, "PYTHONHASHSEED": seed})
        contents.add(path.read_bytes())
    assert len(contents) == 1


def test_without_wordnet_the_build_says_what_to_install(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["--wordnet", str(tmp_path), "--output", str(tmp_path / "out.txt")]) == 1
    assert "wordnet-base" in capsys.readouterr().err
    assert not (tmp_path / "out.txt").exists()
