"""Reader of WordNet's database files (Debian wordnet-base, or any dict folder of WordNet 3): synsets, senses,
exceptions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final, Literal

WORDNET: Final = Path("/usr/share/wordnet")
"""The folder into which Debian's wordnet-base puts the files."""

Pos = Literal["n", "v", "a", "r"]
FILES: Final[dict[Pos, str]] = {"n": "noun", "v": "verb", "a": "adj", "r": "adv"}
_KEY_POS: Final[dict[str, Pos]] = {"1": "n", "2": "v", "3": "a", "4": "r", "5": "a"}


@dataclass(frozen=True)
class Pointer:
    """A relation to another synset. `source`: which word of the synset it is of, counted from 1, 0 for all of them;
    `target` likewise."""

    symbol: str
    offset: str
    pos: Pos
    source: int
    target: int


@dataclass(frozen=True)
class Synset:
    """Words of one meaning, as written in the database: spaces are underscores, adjectives may end in "(p)".

    `file`: the number of its lexicographer file; `satellite`: an adjective that stands around a head.
    """

    offset: str
    pos: Pos
    file: str
    satellite: bool
    words: tuple[str, ...]
    pointers: tuple[Pointer, ...]


@dataclass(frozen=True)
class Sense:
    """One meaning of a word. `count` is the number of its uses in WordNet's tagged texts."""

    synset: Synset
    count: int


def read_synsets(folder: Path, pos: Pos) -> Iterator[Synset]:
    """Returns all synsets of a part of speech. Raises FileNotFoundError with the remedy."""
    return (_synset(line) for line in _lines(folder, f"data.{FILES[pos]}"))


class Wordnet:
    """The database, read into memory. Lines are parsed when they are asked for.

    Raises FileNotFoundError with the remedy where a file is missing.
    """

    def __init__(self, folder: Path = WORDNET) -> None:
        self._folder = folder
        self._data = {pos: {line[:8]: line for line in _lines(folder, f"data.{FILES[pos]}")} for pos in FILES}
        self._index = {pos: dict(_index(_lines(folder, f"index.{FILES[pos]}"))) for pos in FILES}

    def synset(self, offset: str, pos: Pos) -> Synset:
        """Returns the synset at an offset."""
        return _synset(self._data[pos][offset])

    def senses(self, lemma: str, pos: Pos) -> list[Sense]:
        """Returns the meanings of a word in its base form, the most frequent first; none where the word is unknown."""
        offsets = self._index[pos].get(key(lemma), ())
        counts = self._counts.get((key(lemma), pos), {})
        return [Sense(self.synset(offset, pos), counts.get(k, 0)) for k, offset in enumerate(offsets, start=1)]

    def knows(self, lemma: str, pos: Pos) -> bool:
        """Returns whether the word is in the database under this part of speech."""
        return key(lemma) in self._index[pos]

    @cached_property
    def exceptions(self) -> dict[Pos, dict[str, tuple[str, ...]]]:
        """Returns the irregular forms: for each part of speech, a map from form to base forms."""
        found: dict[Pos, dict[str, tuple[str, ...]]] = {}
        for pos, name in FILES.items():
            rows = (line.split() for line in _lines(self._folder, f"{name}.exc"))
            found[pos] = {form: tuple(bases) for form, *bases in rows}
        return found

    @cached_property
    def _counts(self) -> dict[tuple[str, Pos], dict[int, int]]:
        counts: dict[tuple[str, Pos], dict[int, int]] = {}
        for line in _lines(self._folder, "cntlist.rev"):
            sense_key, number, count = line.split()
            lemma, _, rest = sense_key.partition("%")
            counts.setdefault((lemma, _KEY_POS[rest[0]]), {})[int(number)] = int(count)
        return counts


def key(word: str) -> str:
    """Returns the word in the spelling of the index."""
    return word.lower().replace(" ", "_")


def plain(word: str) -> str:
    """Returns a word of a synset with spaces, without the marks that say where an adjective may stand."""
    return word.partition("(")[0].replace("_", " ")


def _lines(folder: Path, name: str) -> Iterator[str]:
    path = folder / name
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} is missing; install Debian's wordnet-base, or give the folder of WordNet 3's database files "
            "with --wordnet"
        )
    # The licence stands in front, indented.
    return (line for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith(" "))


def _index(lines: Iterator[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    for line in lines:
        lemma, _, count, *rest = line.split()
        yield lemma, tuple(rest[-int(count) :])


def _synset(line: str) -> Synset:
    offset, file, kind, count, *rest = line.split(" | ")[0].split()
    words = rest[: 2 * int(count, 16) : 2]
    start = 2 * int(count, 16) + 1
    fields = rest[start : start + 4 * int(rest[start - 1])]
    pointers = tuple(
        Pointer(symbol, target, _pos(pos), int(ends[:2], 16), int(ends[2:], 16))
        for symbol, target, pos, ends in zip(*(fields[k::4] for k in range(4)), strict=True)
    )
    return Synset(offset, _pos(kind), file, kind == "s", tuple(words), pointers)


def _pos(letter: str) -> Pos:
    return "a" if letter == "s" else letter  # type: ignore[return-value]
