"""Other people's words inside our sentences: quoted so that nobody can take them for ours."""

from __future__ import annotations

import hashlib
import unicodedata
from typing import Final

PLUGIN: Final = "plugin:"
"""What the names of metrics and attacks begin with that a plug-in defines, and this library does not know."""
_LONGEST: Final = 64
_MOST_MARKS: Final = 2
_ESCAPES: Final = {"'": "\\'", "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def quoted(text: str) -> str:
    """Returns the text between single quotation marks, on one line, with what it is not plain about behind it.

    Quotation marks, backslashes, control characters and every character beyond ASCII that is no letter, digit or mark
    on a letter are escaped. Where a letter is not from the Latin alphabet of ASCII, the scripts are named: "Paris" with
    a Cyrillic letter is another answer. Of a long text the first 64 characters are shown, with its length and sha256.
    """
    shown = f"'{_escaped(text[:_LONGEST])}'"
    remarks = []
    if len(text) > _LONGEST:
        # A lone half of a surrogate pair has no UTF-8 form.
        digest = hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()
        remarks.append(f"the first {_LONGEST} of {len(text)} characters, sha256:{digest}")
    if not text.isascii():
        remarks.append(f"written in {', '.join(scripts(text)) or 'signs'}")
    if any(mark in text for mark in "'\\"):
        remarks.append("quotation marks inside are escaped")
    return f"{shown} ({'; '.join(remarks)})" if remarks else shown


def scripts(text: str) -> list[str]:
    """Returns the scripts of a text's letters and digits beyond ASCII digits, by their Unicode names, in alphabetical
    order."""
    named = {
        unicodedata.name(c, "unnamed").split()[0].capitalize()
        for c in text
        if unicodedata.category(c)[0] in "LN" and not (c.isascii() and c.isdigit())
    }
    return sorted(named)


def _escaped(text: str) -> str:
    written, marks = [], _MOST_MARKS
    for c in text:
        kind = unicodedata.category(c)[0]
        marks = 0 if kind == "L" else marks + (kind == "M")
        plain = c.isprintable() if c.isascii() else kind in "LN" or (kind == "M" and marks <= _MOST_MARKS)
        written.append(_ESCAPES.get(c) or (c if plain else f"\\u{{{ord(c):x}}}"))
        if kind not in "LM":
            marks = _MOST_MARKS  # a mark must follow a letter
    return "".join(written)
