"""Notes on the words of a prompt that a model reads in parts, or does not know."""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Sequence
from typing import Any, Final

from smoothgen.contracts import Note

_WORD: Final = re.compile(r"\w+(?:[-'’]\w+)*")
_NAMED: Final = 8
"""Words that a note names; of further ones it says how many there are."""
_LONGEST: Final = 40


def words_of(text: str) -> list[str]:
    """Returns the words of a text in small letters, each once, in order. Hyphens and apostrophes are inside words."""
    return list(dict.fromkeys(match.group().lower() for match in _WORD.finditer(text)))


def note_on_captions(text: str, known: Collection[str]) -> list[Note]:
    """Returns the note on words that stand in no caption of the model's training; none where all do.

    known: the words of these captions, in small letters.
    """
    unknown = [word for word in words_of(text) if word not in known]
    if not unknown:
        return []
    return [
        Note(
            code="word_unknown",
            detail=f"no caption that the model was trained on has {_listed(unknown)}: what the model makes of "
            f"{'this word' if len(unknown) == 1 else 'these words'} is not known, whatever it draws.",
        )
    ]


def note_on_unknown(tokenizer: Any, text: str) -> list[Note]:
    """Returns the note on words of which a tokenizer reads a part as its token for the unknown; none without any."""
    unknown = [word for word, ids in _tokens_of_words(tokenizer, text) if tokenizer.unk_token_id in ids]
    if tokenizer.unk_token_id is None or not unknown:
        return []
    return [
        Note(
            code="word_unknown",
            detail=f"the model's tokenizer does not know {_listed(unknown)} or a part of it: one token stands for all "
            "that it does not know, so another text there is the same prompt to the model.",
        )
    ]


def note_on_split(tokenizer: Any, text: str) -> list[Note]:
    """Returns the note on words that a tokenizer splits into several tokens; none where each is one."""
    split = {word: len(ids) for word, ids in _tokens_of_words(tokenizer, text) if len(ids) > 1}
    if not split:
        return []
    named = _listed(list(split), [f" ({count} tokens)" for count in split.values()])
    return [
        Note(
            code="word_split",
            detail=f"the model's tokenizer splits {named}: the model reads parts of "
            f"{'this word' if len(split) == 1 else 'these words'}, of which one can be exchanged alone.",
        )
    ]


def _tokens_of_words(tokenizer: Any, text: str) -> list[tuple[str, Sequence[int]]]:
    """Returns each different word as it is written, with the ids of the tokens that hold a character of it; nothing for
    a tokenizer that does not say where its tokens come from."""
    if not getattr(tokenizer, "is_fast", False):
        return []
    options = {"add_special_tokens": False, "split_special_tokens": True, "return_offsets_mapping": True}
    read = tokenizer(text, **options)
    places = list(zip(read["input_ids"], read["offset_mapping"], strict=True))
    found = {
        match.group(): [token for token, (start, end) in places if start < match.end() and match.start() < end]
        for match in _WORD.finditer(text)
    }
    return list(found.items())


def _listed(words: Sequence[str], remarks: Sequence[str] = ()) -> str:
    """Returns the first words in quotation marks, each with its remark, and how many more there are."""
    several = itertools.zip_longest(words[:_NAMED], remarks[:_NAMED], fillvalue="")
    named = ", ".join(f"{word[:_LONGEST]!r}{remark}" for word, remark in several)
    more = len(words) - _NAMED
    return f"{named} and {more} more" if more > 0 else named
