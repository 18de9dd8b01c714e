"""The words of a prompt that can be swapped: where each stands, its part of speech, and its one clear meaning."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from workers.research.coverage.endings import Ending, base_form
from workers.research.wordnet_files import Pos, Sense, Synset, Wordnet

DOMINANT: Final = 0.7
"""The least share of a word's tagged uses that makes a meaning clear. Words without a clear meaning are left alone."""
_LONGEST: Final = 3
_WORD: Final = re.compile(r"[A-Za-z]+(?:[-'][A-Za-z]+)*")


def _words(text: str) -> list[str]:
    return text.split()


COUNT_WORDS: Final = tuple(_words("two three four five six seven eight nine ten eleven twelve"))
_DETERMINERS: Final = frozenset(
    [*_words("a an the this that these those my your his her its our their some any every each no one"), *COUNT_WORDS]
)
FUNCTION_WORDS: Final = _DETERMINERS | frozenset(_words("""
    about above after again against all also am among and are as at be because been before being below between both but
    by can cannot could did do does doing down during either else few for from further had has have having he here him
    how i if in into is it itself let me may might more most must neither nor not of off on once only or other ought out
    over own please same shall she should so such than them then there they through to too under until up us very was we
    were what when where which while who whom whose why will with within inside outside without would yes you
    plus minus s t
"""))  # fmt: skip
"""Words that carry no meaning of their own. They are never swapped and never put in."""
_BEFORE_VERBS: Final = frozenset(_words("to i you he she it we they can could may might must shall should will would"))


@dataclass(frozen=True)
class Word:
    """A swappable word (or a collocation WordNet lists) of a prompt: characters [start, end), base form, meaning."""

    start: int
    end: int
    text: str
    base: str
    pos: Pos
    ending: Ending
    sense: Synset

    def swapped(self, prompt: str, other: str) -> str:
        """Returns the prompt with this word replaced. A capital first letter is kept."""
        if self.text[0].isupper():
            other = other[0].upper() + other[1:]
        return prompt[: self.start] + other + prompt[self.end :]


def swappable(wordnet: Wordnet, prompt: str) -> list[Word]:
    """Returns the content words of a prompt whose meaning is clear, from left to right. Longer collocations win."""
    matches = list(_WORD.finditer(prompt))
    texts = [m.group() for m in matches]
    found: list[Word] = []
    k = 0
    while k < len(matches):
        length = _collocation(wordnet, prompt, matches[k:])
        text = prompt[matches[k].start() : matches[k + length - 1].end()]
        pos: Pos | None = "n"
        if length == 1:
            pos = part_of_speech(wordnet, texts, k)
            if pos == "n" and k + 1 < len(texts) and part_of_speech(wordnet, texts, k + 1) == "n":
                pos = None  # half of a compound WordNet does not list: an ankle boot is no boot of a joint
        based = None if pos is None else base_form(wordnet, text, pos)
        if pos is not None and based is not None and (sense := dominant(wordnet.senses(based[0], pos))) is not None:
            found.append(Word(matches[k].start(), matches[k + length - 1].end(), text, based[0], pos, based[1], sense))
        k += length
    return found


def _collocation(wordnet: Wordnet, prompt: str, matches: Sequence[re.Match[str]]) -> int:
    """Returns how many words from here on are one noun of WordNet; 1 where no two are."""
    for count in range(min(_LONGEST, len(matches)), 1, -1):
        words = [m.group() for m in matches[:count]]
        # Single spaces between them, and no "capital of France": what stands for it is a name and wants no article.
        whole = prompt[matches[0].start() : matches[count - 1].end()] == " ".join(words)
        whole = whole and not FUNCTION_WORDS.intersection(w.lower() for w in words)
        if whole and base_form(wordnet, " ".join(words), "n") is not None:
            return count
    return 1


def part_of_speech(wordnet: Wordnet, texts: Sequence[str], place: int) -> Pos | None:
    """Guesses the part of speech from the neighbours, then from how often WordNet's tagged texts use the word as each.

    Returns None for function words and words that WordNet does not list.
    """
    if texts[place].lower() in FUNCTION_WORDS:
        return None
    uses: dict[Pos, int] = {}
    for pos in ("n", "v", "a", "r"):
        based = base_form(wordnet, texts[place], pos)
        if based is not None:
            uses[pos] = sum(sense.count for sense in wordnet.senses(based[0], pos))
    if not uses:
        return None
    before = texts[place - 1].lower() if place else ""
    after = texts[place + 1].lower() if place + 1 < len(texts) else ""
    content_follows = after != "" and after not in FUNCTION_WORDS
    described = before in _DETERMINERS or (place > 0 and part_of_speech(wordnet, texts[: place + 1], place - 1) == "a")
    if "a" in uses and content_follows and before not in _BEFORE_VERBS:
        return "a"
    if "v" in uses and before in _BEFORE_VERBS:
        return "v"
    if "n" in uses and described and not content_follows:
        return "n"
    return max(uses, key=lambda pos: uses[pos])


def dominant(senses: Sequence[Sense]) -> Synset | None:
    """Returns the one clear meaning of a word; None where tagged texts do not favour one clearly."""
    total = sum(sense.count for sense in senses)
    if len(senses) == 1 or (total and senses[0].count >= DOMINANT * total):
        return senses[0].synset
    return None
