"""Edits that leave the letters as they are: capitals, spacing, and the mark at the end.

Only ASCII letters, spaces and marks are touched, so no Unicode table decides what is listed.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator
from typing import Final

_UPPER: Final = str.maketrans(string.ascii_lowercase, string.ascii_uppercase)
_LOWER: Final = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_TOGGLED: Final = _UPPER | _LOWER
_BLANKS: Final = " \t\r\n"
_WORD: Final = re.compile(r"[^ \t\r\n]+")
_LETTER: Final = re.compile("[A-Za-z]")
_SPACES: Final = re.compile(" +")
_MARK_BEHIND_WORD: Final = re.compile(r"(?<=[^ \t\r\n.,;:!?])[.,;:!?]+(?=[ \t\r\n]|$)")
_FINAL: Final = (".", "?", "!")
_ENDINGS: Final = (*_FINAL, ",", ";", ":")


def capitals(text: str) -> Iterator[str]:
    """Yields the text, word by word, with its first letter the other way round, the word in capitals, and in small
    letters; then all of the text in capitals, and in small letters. A word is what stands between blanks."""
    for word in _WORD.finditer(text):
        letter = _LETTER.search(word.group())
        if letter is None:
            continue
        before, after = text[: word.start()], text[word.end() :]
        at = letter.start()
        inside = word.group()
        yield before + inside[:at] + inside[at].translate(_TOGGLED) + inside[at + 1 :] + after
        yield before + inside.translate(_UPPER) + after
        yield before + inside.translate(_LOWER) + after
    yield text.translate(_UPPER)
    yield text.translate(_LOWER)


def spacing(text: str) -> Iterator[str]:
    """Yields the text with a space before it, with one behind it, with a space more wherever one stands, and with a
    space before each mark (or run of marks) that ends a word."""
    yield " " + text
    yield text + " "
    for run in _SPACES.finditer(text):
        yield text[: run.end()] + " " + text[run.end() :]
    for mark in _MARK_BEHIND_WORD.finditer(text):
        yield text[: mark.start()] + " " + text[mark.start() :]


def punctuation(text: str) -> Iterator[str]:
    """Yields the text with its final mark dropped and changed for each other one, or with each added where it has none.

    The final mark is the last sign that is no blank, if it is one of . ? ! , ; : and what is put there is one of . ? !
    """
    body = text.rstrip(_BLANKS)
    if not body:
        return
    blanks = text[len(body) :]
    if body.endswith(_ENDINGS):
        body = body[:-1]
        yield body + blanks
    for mark in _FINAL:
        yield body + mark + blanks
