"""Slips of a typist on a QWERTY keyboard. Letters are a to z, small or capital: no digit or sign is touched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

NEIGHBOURS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "q": "wa",
        "w": "qeas",
        "e": "wrsd",
        "r": "etdf",
        "t": "ryfg",
        "y": "tugh",
        "u": "yihj",
        "i": "uojk",
        "o": "ipkl",
        "p": "ol",
        "a": "qwsz",
        "s": "weadzx",
        "d": "ersfxc",
        "f": "rtdgcv",
        "g": "tyfhvb",
        "h": "yugjbn",
        "j": "uihknm",
        "k": "iojlm",
        "l": "opk",
        "z": "asx",
        "x": "sdzc",
        "c": "dfxv",
        "v": "fgcb",
        "b": "ghvn",
        "n": "hjbm",
        "m": "jkn",
    }
)
"""letter → the letters whose keys touch its own, the row above first, then its own row, then the row below."""


def typos(text: str) -> Iterator[str]:
    """Yields every text with one slip, letter by letter: each neighbouring key in its place; it and the following
    letter exchanged, capitals staying where they are; the letter left out; the letter doubled as it stands."""
    for i, letter in enumerate(text):
        neighbours = NEIGHBOURS.get(letter.lower()) if letter.isascii() else None
        if neighbours is None:
            continue
        before, after = text[:i], text[i + 1 :]
        for other in neighbours:
            yield before + _as(letter, other) + after
        following = after[:1]
        if following.isascii() and following.isalpha():
            yield before + _as(letter, following) + _as(following, letter) + after[1:]
        yield before + after
        yield before + letter + letter + after


def _as(model: str, letter: str) -> str:
    """Returns the letter, as a capital where the model is one."""
    return letter.upper() if model.isupper() else letter.lower()
