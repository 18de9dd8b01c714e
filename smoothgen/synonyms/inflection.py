"""English inflection: which lemmas a form may belong to (WordNet's morphy), and the forms of a lemma."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from typing import Final

from smoothgen.synonyms.wordnet import WordNet

Analysis = tuple[str, str, str]
"""Lemma, part of speech and tag: sg, pl; base, s, ing, ed; and "" for adjectives and adverbs as they are."""

_DETACHED: Final[dict[str, tuple[tuple[str, str, str], ...]]] = {
    "n": tuple(
        (ending, other, "pl")
        for ending, other in (
            ("s", ""),
            ("ses", "s"),
            ("xes", "x"),
            ("zes", "z"),
            ("ches", "ch"),
            ("shes", "sh"),
            ("men", "man"),
            ("ies", "y"),
        )
    ),
    "v": (
        ("s", "", "s"),
        ("ies", "y", "s"),
        ("es", "e", "s"),
        ("es", "", "s"),
        ("ed", "e", "ed"),
        ("ed", "", "ed"),
        ("ing", "e", "ing"),
        ("ing", "", "ing"),
    ),
    "a": (("er", "", "er"), ("est", "", "est"), ("er", "e", "er"), ("est", "e", "est")),
    "r": (),
}
_VOWELS: Final = frozenset("aeiou")
_SILENT_H: Final = ("heir", "honest", "honor", "honour", "hour")
_LIKE_CONSONANTS: Final = (
    *("eu", "ew", "once", "one", "ubiq", "unanim", "ura", "uro", "usa", "use", "usu", "ute", "uti", "uto"),
    *("unic", "unif", "unil", "unio", "unip", "uniq", "unis", "unit", "univ"),
)
_HISSING: Final = ("s", "x", "z", "ch", "sh")


class Inflection:
    """Forms and lemmas of one WordNet."""

    def __init__(self, wordnet: WordNet) -> None:
        self._wordnet = wordnet

    def analyses(self, form: str) -> set[Analysis]:
        """Returns everything the form may be: its own lemmas, and the lemmas it is an inflected form of."""
        found = {(form, part, "") for part in "ar" if self._wordnet.senses(form, part)}
        if self._wordnet.senses(form, "n"):
            found.add((form, "n", "pl" if _looks_plural(form) else "sg"))
        if self._wordnet.senses(form, "v"):
            found.add((form, "v", "base"))
        for part, rules in _DETACHED.items():
            for lemma in self._wordnet.irregular[part].get(form, ()):
                found.add((lemma, part, _irregular_tag(part, form)))
            for ending, other, tag in rules:
                lemma = form.removesuffix(ending) + other
                if form.endswith(ending) and len(form) > len(ending) and self._wordnet.senses(lemma, part):
                    found.add((lemma, part, tag))
        return {a for a in found if self._wordnet.senses(a[0], a[1]) and not (a[0] == form and a[2] == "er")}

    def plural(self, lemma: str) -> str | None:
        """Returns the plural of a noun; None where it is irregular in more than one way, or looks like a plural
        already."""
        irregular = self._irregular_forms["n"].get(lemma, [])
        if len(irregular) > 1 or _looks_plural(lemma):
            return None
        if irregular:
            return irregular[0]
        if lemma.endswith("man"):
            return lemma[:-2] + "en"
        return _with_s(lemma)

    def verb_forms(self, lemma: str) -> dict[str, str]:
        """Returns each form by its tag. It leaves out "ed" where past and participle differ or are spelt in two ways,
        as the tag would lie."""
        irregular = self._irregular_forms["v"].get(lemma, [])
        ing = [form for form in irregular if form.endswith("ing")]
        past = [form for form in irregular if not form.endswith(("ing", "s"))]
        stem = lemma[:-1] if lemma.endswith("e") and not lemma.endswith(("ee", "oe", "ye")) else lemma
        forms = {"base": lemma, "s": _with_s(lemma)}
        if len(ing) < 2:
            forms["ing"] = ing[0] if ing else stem + "ing"
        if len(past) < 2:
            forms["ed"] = past[0] if past else _with_ed(lemma)
        return forms

    @cached_property
    def _irregular_forms(self) -> dict[str, dict[str, list[str]]]:
        forms: dict[str, defaultdict[str, list[str]]] = {part: defaultdict(list) for part in "nvar"}
        for part, irregular in self._wordnet.irregular.items():
            for form, lemmas in irregular.items():
                for lemma in lemmas:
                    forms[part][lemma].append(form)
        return {part: dict(of_part) for part, of_part in forms.items()}


def indefinite_article(word: str) -> str:
    """Returns "a" or "an", by the sound a lower-case word begins with."""
    if word.startswith(_SILENT_H):
        return "an"
    # "a unit", "a European", "a one-off": written with a vowel, spoken with a consonant.
    if word.startswith(_LIKE_CONSONANTS):
        return "a"
    return "an" if word[0] in _VOWELS else "a"


def _looks_plural(noun: str) -> bool:
    return noun.endswith("s") and not noun.endswith(("ss", "us", "is", "ics"))


def _with_s(word: str) -> str:
    if word.endswith("y") and len(word) > 1 and word[-2] not in _VOWELS:
        return word[:-1] + "ies"
    return word + ("es" if word.endswith(_HISSING) else "s")


def _with_ed(verb: str) -> str:
    if verb.endswith("e"):
        return verb + "d"
    if verb.endswith("y") and len(verb) > 1 and verb[-2] not in _VOWELS:
        return verb[:-1] + "ied"
    return verb + "ed"


def _irregular_tag(part: str, form: str) -> str:
    if part == "n":
        return "pl"
    if part == "v":
        return "ing" if form.endswith("ing") else "s" if form.endswith("s") else "ed"
    return "er"
