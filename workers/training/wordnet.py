"""Nouns of WordNet's database files that name no clothing (Debian wordnet-base, or any dict folder of WordNet 3)."""

from __future__ import annotations

from pathlib import Path
from typing import Final

WORDNET: Final = Path("/usr/share/wordnet")
_EXCLUDED: Final = frozenset(
    {"clothing", "footwear", "covering", "bag", "container", "fabric", "color", "colour", "garment", "leather"}
)
_THINGS: Final = frozenset({"05", "06", "13", "17", "18", "20"})
"""Lexicographer files: animals, artefacts, food, natural objects, persons, plants."""


def foreign_nouns(folder: Path) -> list[str]:
    """Single words and pairs for things that are not worn, sorted. Raises FileNotFoundError with the remedy."""
    path = folder / "data.noun"
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} is missing; install Debian's wordnet-base, or give WordNet's folder: --wordnet"
        )
    words: dict[str, list[str]] = {}
    above: dict[str, list[str]] = {}
    file_of: dict[str, str] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith(" "):  # the licence
            continue
        offset, file, _, count, *rest = line.split(" | ")[0].split()
        lemmas = rest[: 2 * int(count, 16) : 2]
        pointers = rest[2 * int(count, 16) + 1 :]
        words[offset], file_of[offset] = lemmas, file
        above[offset] = [pointers[k + 1] for k in range(0, len(pointers) - 3, 4) if pointers[k] in ("@", "@i")]
    worn: dict[str, bool] = {}

    def is_worn(offset: str) -> bool:
        if offset not in worn:
            named = any(lemma.lower() in _EXCLUDED for lemma in words[offset])
            worn[offset] = named or any(is_worn(parent) for parent in above[offset])
        return worn[offset]

    plain = {
        lemma.replace("_", " ")
        for offset, lemmas in words.items()
        if file_of[offset] in _THINGS and not is_worn(offset)
        for lemma in lemmas[:1]
        if lemma.islower() and lemma.replace("_", "").isalpha() and lemma.count("_") <= 1
    }
    return sorted(plain - {word for offset, lemmas in words.items() if is_worn(offset) for word in lemmas})
