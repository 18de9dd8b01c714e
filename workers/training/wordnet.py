"""Nouns of WordNet that name no clothing."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from workers.wordnet import read_synsets

_EXCLUDED: Final = frozenset(
    {"clothing", "footwear", "covering", "bag", "container", "fabric", "color", "colour", "garment", "leather"}
)
_THINGS: Final = frozenset({"05", "06", "13", "17", "18", "20"})
"""Lexicographer files: animals, artefacts, food, natural objects, persons, plants."""


def foreign_nouns(folder: Path) -> list[str]:
    """Single words and pairs for things that are not worn, sorted. Raises FileNotFoundError with the remedy."""
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
