"""English endings: the base form of a word as WordNet lists it, and another base form with the same ending."""

from __future__ import annotations

from typing import Final, Literal

from smoothgen.synonyms.inflection import indefinite_article
from workers.research.wordnet_files import Pos, Wordnet

Ending = Literal["", "s", "ed", "ing"]

_DETACH: Final[dict[Pos, tuple[tuple[str, str, Ending], ...]]] = {
    "n": (
        ("s", "", "s"),
        ("ses", "s", "s"),
        ("xes", "x", "s"),
        ("zes", "z", "s"),
        ("ches", "ch", "s"),
        ("shes", "sh", "s"),
        ("men", "man", "s"),
        ("ies", "y", "s"),
    ),
    "v": (
        ("s", "", "s"),
        ("ies", "y", "s"),
        ("es", "e", "s"),
        ("es", "", "s"),
        ("ed", "e", "ed"),
        ("ed", "", "ed"),
        ("ied", "y", "ed"),
        ("ing", "e", "ing"),
        ("ing", "", "ing"),
    ),
    "a": (),
    "r": (),
}
"""The rules of WordNet (morphy) without those for comparatives, which are never replaced by synonyms."""
_SIBILANT: Final = ("s", "x", "z", "ch", "sh")
_VOWELS: Final = frozenset("aeiou")


def base_form(wordnet: Wordnet, word: str, pos: Pos) -> tuple[str, Ending] | None:
    """Returns the base form and the ending the word carries; None where WordNet knows neither the word nor what is left
    of it."""
    word = word.lower()
    if wordnet.knows(word, pos):
        return word, ""
    if (bases := wordnet.exceptions[pos].get(word)) is not None and wordnet.knows(bases[0], pos):
        ending: Ending | None = "s" if pos == "n" else next((e for e in ("ing", "ed") if word.endswith(e)), None)
        # "went" says neither whether it is a past or a participle: no other verb can be put into its form.
        return None if ending is None else (bases[0], ending)
    for suffix, instead, found in _DETACH[pos]:
        base = word.removesuffix(suffix) + instead
        if word.endswith(suffix) and len(base) > 1 and wordnet.knows(base, pos):
            return base, found
    return None


def inflect(wordnet: Wordnet, base: str, pos: Pos, ending: Ending) -> str | None:
    """Returns a base form with an ending; of several words, the ending goes to the one that takes it. Returns None
    where irregular past and participle differ and so cannot be chosen."""
    if ending == "":
        return base
    # "rates of interest", "took up": the first word; "gym shoes": the last.
    if (pos == "v" and " " in base) or " of " in base:
        last, space, rest = base.partition(" of " if pos == "n" else " ")
        inflected = inflect(wordnet, last, pos, ending)
        return None if inflected is None else inflected + space + rest
    head, space, last = base.rpartition(" ") if pos == "n" else ("", "", base)
    irregular = sorted(form for form, bases in wordnet.exceptions[pos].items() if last in bases)
    if ending == "s" and pos == "n":
        return head + space + (irregular[0] if irregular else _with_s(last))
    if ending == "s":
        return _with_s(last)
    fitting = [form for form in irregular if form.endswith(ending)]
    if fitting:
        return fitting[0]
    if ending == "ed" and irregular:
        return None
    if last.endswith("e") and not last.endswith(("ee", "oe", "ye")):
        return last[:-1] + ending
    if ending == "ed" and last.endswith("y") and last[-2:-1] not in _VOWELS:
        return f"{last[:-1]}ied"
    return last + ending


def _with_s(word: str) -> str:
    if word.endswith("y") and word[-2:-1] not in _VOWELS:
        return f"{word[:-1]}ies"
    return word + ("es" if word.endswith((*_SIBILANT, "go", "do")) else "s")


def with_articles(text: str) -> str:
    """Returns the text with "a" and "an" in agreement with the words that follow."""
    words = text.split(" ")
    for k, word in enumerate(words[:-1]):
        if word.lower() in ("a", "an"):
            following = words[k + 1].lower()
            words[k] = word[0] + (indefinite_article(following)[1:] if following else "")
    return " ".join(words)
