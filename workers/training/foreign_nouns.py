"""Nouns of WordNet that name no clothing, and those that name clothing of another kind than the vocabulary's."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from workers.research.wordnet_files import Synset, key, plain, read_synsets

_EXCLUDED: Final = frozenset(
    {"clothing", "footwear", "covering", "bag", "container", "fabric", "color", "colour", "garment", "leather"}
)
_THINGS: Final = frozenset({"05", "06", "13", "17", "18", "20"})
"""Lexicographer files: animals, artefacts, food, natural objects, persons, plants."""


def foreign_nouns(folder: Path) -> list[str]:
    """Returns single words and pairs for things that are not worn, sorted. Raises FileNotFoundError with the remedy."""
    synsets = {synset.offset: synset for synset in read_synsets(folder, "n")}
    worn: dict[str, bool] = {}

    def is_worn(offset: str) -> bool:
        if offset not in worn:
            named = any(word.lower() in _EXCLUDED for word in synsets[offset].words)
            above = [p.offset for p in synsets[offset].pointers if p.symbol in ("@", "@i")]
            worn[offset] = named or any(is_worn(parent) for parent in above)
        return worn[offset]

    plain = {
        lemma.replace("_", " ")
        for offset, synset in synsets.items()
        if synset.file in _THINGS and not is_worn(offset)
        for lemma in synset.words[:1]
        if lemma.islower() and lemma.replace("_", "").isalpha() and lemma.count("_") <= 1
    }
    return sorted(plain - {word for offset, synset in synsets.items() if is_worn(offset) for word in synset.words})


def foreign_garments(folder: Path, vocabulary: Sequence[str]) -> list[str]:
    """Returns clothing and footwear of another kind than all of the vocabulary's, sorted. Raises FileNotFoundError."""
    return _siblings(folder, vocabulary, {"clothing", "footwear"}, "06")


def foreign_containers(folder: Path, vocabulary: Sequence[str]) -> list[str]:
    """Returns containers of another kind than the vocabulary's bags, sorted. Raises FileNotFoundError."""
    return _siblings(folder, vocabulary, {"container"}, "06")


def foreign_colours(folder: Path, vocabulary: Sequence[str]) -> list[str]:
    """Returns colours of another kind than all of the vocabulary's (brown, khaki), sorted. Raises FileNotFoundError."""
    return _siblings(folder, vocabulary, {"color"}, "07")


def _siblings(folder: Path, vocabulary: Sequence[str], roots: set[str], file: str) -> list[str]:
    """Names below the roots that are neither in a synset of a vocabulary word, nor a kind of one, nor its kind."""
    synsets = {synset.offset: synset for synset in read_synsets(folder, "n")}
    known = {key(word) for word in vocabulary}
    # Trousers, jeans: WordNet writes the singular.
    known |= {word.removesuffix("s") for word in known}
    parts = {part for word in known for part in re.split("[_-]", word)}
    own = [s.offset for s in synsets.values() if known & {key(word) for word in s.words}]
    near = _closure(synsets, own, ("@", "@i")) | _closure(synsets, own, ("~", "~i"))
    below = _closure(synsets, [s.offset for s in synsets.values() if roots & set(s.words)], ("~", "~i"))
    taken = parts | {key(word) for offset in near for word in synsets[offset].words}
    return sorted(
        plain(word)
        for word in {word for offset in below - near for word in synsets[offset].words if synsets[offset].file == file}
        if word.islower()
        and word.replace("_", "").isalpha()
        and word.count("_") <= 1
        and word not in taken
        # "morning coat", whatever WordNet says it is a kind of.
        and word.rpartition("_")[2] not in known
    )


def _closure(synsets: Mapping[str, Synset], start: Iterable[str], symbols: tuple[str, ...]) -> set[str]:
    found: set[str] = set()
    waiting = list(start)
    while waiting:
        offset = waiting.pop()
        if offset not in found:
            found.add(offset)
            waiting += [p.offset for p in synsets[offset].pointers if p.symbol in symbols and p.pos == "n"]
    return found
