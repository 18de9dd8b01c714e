"""Where the words of a text are: what may be replaced, in which case it is written, which article stands before it.

Every rule here reads only what no swap inside classes changes: what stands between words, the number of words, whether
a word is written in small letters, with one capital or in capitals, and the words that are alone in their class. Words
of classes consist of small letters and single inner hyphens, three characters and more (`partition` holds them to it),
so a member put in another's place is cut out of the text at the same place again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final

_WORD: Final = re.compile(r"\w+(?:[-'’]\w+)*")
_POSSESSIVE: Final = ("'s", "’s")
_CHUNK: Final = re.compile(r"\S+")
_NOT_PROSE: Final = re.compile(r"[/\\@_=<>{}\[\]|~^`$#%&*+0-9]|\.\w")
"""An address, code, a number with its unit: left as it is, whole."""
_BEGINS_SENTENCE: Final = re.compile(r"[.!?:\n\"“”(]")
_AFTER_ARTICLE: Final = re.compile(r"\s+[\"'“‘(]*")


class Case(Enum):
    """How a word is written."""

    SMALL = "red"
    CAPITAL = "Red"
    CAPITALS = "RED"

    def write(self, word: str) -> str:
        """Returns a lower-case word in this case."""
        if self is Case.SMALL:
            return word
        return word.upper() if self is Case.CAPITALS else word[0].upper() + word[1:]


@dataclass(frozen=True)
class Word:
    """A word that may be replaced, text[start:end]. `lower`: it in small letters; article: the span of an "a" or "an"
    that agrees with it."""

    start: int
    end: int
    lower: str
    case: Case
    article: tuple[int, int] | None
    article_case: Case


def replaceable(text: str, in_a_class: Callable[[str], bool]) -> Iterator[Word]:
    """Returns the words of a text that belong to a class, in order."""
    shouted = not any(character.islower() for character in text)
    left_alone = [m.span() for m in _CHUNK.finditer(text) if _NOT_PROSE.search(m.group())]
    following, end_before = 0, 0
    before: tuple[int, int] | None = None
    first = len(text) - len(text.lstrip())
    for match in _WORD.finditer(text):
        start, end = match.span()
        between, end_before = text[end_before:start], end
        article = before if before is not None and _AFTER_ARTICLE.fullmatch(between) else None
        while following < len(left_alone) and left_alone[following][1] <= start:
            following += 1
        if following < len(left_alone) and left_alone[following][0] < end:
            before = None
            continue
        word = match.group()
        before = (start, end) if word in ("a", "an", "A", "An", "AN") else None
        if word.endswith(_POSSESSIVE):
            word, end = word[:-2], end - 2
        begins = start == first or _BEGINS_SENTENCE.search(between) is not None
        case = _case(word, begins=begins, shouted=shouted)
        if case is not None and in_a_class(word.lower()):
            article_case = _article_case(text, article, shouted=shouted)
            yield Word(start, end, word.lower(), case, article, article_case)


def _case(word: str, *, begins: bool, shouted: bool) -> Case | None:
    """Returns None where the word is left as it is: a name (a capital inside a sentence), an acronym, mIxEd letters."""
    if word.islower():
        return Case.SMALL
    if shouted:
        return Case.CAPITALS if word.isupper() else None
    return Case.CAPITAL if begins and word[:1].isupper() and word[1:].islower() else None


def _article_case(text: str, article: tuple[int, int] | None, *, shouted: bool) -> Case:
    if article is None or text[article[0]] == "a":
        return Case.SMALL
    return Case.CAPITALS if shouted else Case.CAPITAL
