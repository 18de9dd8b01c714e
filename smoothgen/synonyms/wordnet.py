"""WordNet's database files as data: synsets, the senses of a lemma, how often each was tagged, irregular forms.

Format: WordNet's manual pages wndb(5), cntlist(5), morphy(7). Debian's wordnet-base holds exactly these files.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

WORDNET: Final = Path("/usr/share/wordnet")
PARTS_OF_SPEECH: Final = {"n": "noun", "v": "verb", "a": "adj", "r": "adv"}
_PART_OF_TYPE: Final = {"1": "n", "2": "v", "3": "a", "4": "r", "5": "a"}  # 5: an adjective's satellite
_MARKERS: Final = ("(a)", "(p)", "(ip)")
"""Where an adjective may stand."""

SynsetId = tuple[str, str]
"""Part of speech and offset, such as ("n", "02958343")."""


@dataclass(frozen=True)
class Synset:
    """One meaning. `field`: the lexicographer's file, 5 animals, 6 artefacts …; `related`: derivations, attributes."""

    field: int
    words: tuple[str, ...]
    related: frozenset[SynsetId]


@dataclass(frozen=True)
class Sense:
    """One meaning of one lemma, and how often WordNet's annotated texts use the lemma so."""

    synset: SynsetId
    tagged: int


class WordNet:
    """A folder of WordNet's files, read whole. Raises FileNotFoundError with the remedy."""

    def __init__(self, folder: Path) -> None:
        missing = [name for name in _needed() if not (folder / name).is_file()]
        if missing:
            raise FileNotFoundError(
                f"{folder} lacks {', '.join(missing)}; install Debian's wordnet-base, or give WordNet's folder: "
                "--wordnet DIR"
            )
        self._folder = folder
        self.synsets = {
            (part, offset): synset
            for part in PARTS_OF_SPEECH
            for offset, synset in self._synsets(PARTS_OF_SPEECH[part])
        }
        counts = self._counts()
        self._senses: dict[tuple[str, str], tuple[Sense, ...]] = {}
        for part, name in PARTS_OF_SPEECH.items():
            for fields in self._lines(f"index.{name}"):
                offsets = fields[6 + int(fields[3]) :]
                self._senses[fields[0], part] = tuple(
                    Sense((part, offset), counts.get((fields[0], part, number), 0))
                    for number, offset in enumerate(offsets, 1)
                )
        self.irregular = {part: self._irregular(name) for part, name in PARTS_OF_SPEECH.items()}
        """form → its lemmas, by part of speech."""

    @property
    def lemmas(self) -> list[str]:
        """Returns every lemma, lower case, sorted."""
        return sorted({lemma for lemma, _ in self._senses})

    def senses(self, lemma: str, part: str) -> tuple[Sense, ...]:
        """Returns the senses of a lemma as this part of speech, in WordNet's order; none where it is no such word."""
        return self._senses.get((lemma, part), ())

    def _lines(self, name: str) -> Iterator[list[str]]:
        for line in (self._folder / name).read_text(encoding="utf-8").splitlines():
            if not line.startswith(" "):  # the licence
                yield line.split(" | ")[0].split()

    def _synsets(self, name: str) -> Iterator[tuple[str, Synset]]:
        for offset, field, _, count, *rest in self._lines(f"data.{name}"):
            words = 2 * int(count, 16)
            pointers = rest[words + 1 : words + 1 + 4 * int(rest[words])]
            related = {
                (part.replace("s", "a"), target)
                for symbol, target, part in zip(pointers[::4], pointers[1::4], pointers[2::4], strict=True)
                if symbol in ("+", "=")
            }
            yield offset, Synset(int(field), tuple(_bare(word) for word in rest[:words:2]), frozenset(related))

    def _counts(self) -> dict[tuple[str, str, int], int]:
        counts = {}
        for key, number, tagged in self._lines("cntlist.rev"):
            lemma, _, rest = key.partition("%")
            counts[lemma, _PART_OF_TYPE[rest[0]], int(number)] = int(tagged)
        return counts

    def _irregular(self, name: str) -> dict[str, tuple[str, ...]]:
        found: defaultdict[str, list[str]] = defaultdict(list)
        for form, *lemmas in self._lines(f"{name}.exc"):
            found[form] += lemmas
        return {form: tuple(lemmas) for form, lemmas in found.items()}


def _bare(word: str) -> str:
    return next((word.removesuffix(marker) for marker in _MARKERS if word.endswith(marker)), word)


def _needed() -> list[str]:
    names = PARTS_OF_SPEECH.values()
    return [f"{kind}.{name}" for kind in ("data", "index") for name in names] + [
        "cntlist.rev",
        *(f"{name}.exc" for name in names),
    ]
