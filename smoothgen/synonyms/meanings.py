"""Which forms have one meaning: the rules that decide who may join a class (docs/theory/synonyms.md)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from smoothgen.synonyms.inflection import Inflection
from smoothgen.synonyms.wordnet import SynsetId, WordNet

_WORD: Final = re.compile(r"[a-z]+(?:-[a-z]+)*")
_SHORTEST: Final = 3
_UNSEEN: Final = 0.2
"""What every sense counts beside its tags, so that one nobody tagged still counts as a rival."""
_RIVALS: Final = 0.5
"""The dominant meaning outweighs all others of the form together."""
_OTHER_PARTS: Final = 0.3
"""At most this share of a form's weight may lie in another part of speech, or in another inflection."""
_COUNTABLE: Final = frozenset({5, 6, 8, 10, 11, 13, 15, 17, 18, 20, 25, 28})
"""Lexicographer's files whose nouns have plurals: animals, artefacts, body parts, communication, events, food, places,
objects, persons, plants, shapes, times."""
_UNCOUNTED: Final = re.compile(r".*(?:ness|ity|ism|ance|ence|ancy|ency|ship|hood|wear|ware|ology|ics|ing|ry|age)")
FUNCTION_WORDS: Final = frozenset(
    """
    a about above across after again against all almost alone along already also although always am amid among an and
    another any anybody anyone anything anyway anywhere apart are around as aside at away back be became because become
    becomes been before behind being below beneath beside besides between beyond both but by can cannot could did do
    does doing done don down during each eight eighteen eighty either eleven else enough even ever every everybody
    everyone everything everywhere except few fewer fifteen fifth fifty first five for forty four fourteen fourth from
    get gets getting give given go goes going gone got had half has have having he hence her here hers herself him
    himself his how however hundred if in inside instead into is it its itself just last least less let lets like many
    may maybe me might million mine more most much must my myself near need neither never next nine nineteen ninety no
    nobody none nor not nothing now nowhere of off often on once one ones only onto or other others otherwise ought our
    ours ourselves out outside over own past per perhaps please plus quite rather same second seven seventeen seventy
    several shall she should since six sixteen sixty so some somebody someone something sometimes somewhere still such
    ten than that the their theirs them themselves then there thereby therefore these they third thirteen thirty this
    those though thousand three through throughout thus till times to together too toward towards twelve twenty twice
    two under unless unlike until up upon us used very versus via was we well were what whatever when whenever where
    whereas wherever whether which whichever while who whoever whole whom whose why will with within without would yes
    yet you your yours yourself yourselves zero ain aren couldn didn doesn hadn hasn haven isn mightn mustn needn shan
    shouldn wasn weren won wouldn let what that who
    """.split()  # noqa: SIM905  a list this long is read as text
)
"""They carry grammar, not meaning; numbers are among them, whose synonyms are no words to draw."""


@dataclass(frozen=True)
class Meaning:
    """What a form means: a synset, and its inflection, such as "n.pl". `lemma`: what it is a form of."""

    synset: SynsetId
    inflection: str
    lemma: str


class Meanings:
    """The one meaning of a form, where it has one."""

    def __init__(self, wordnet: WordNet) -> None:
        self._wordnet, self._inflection = wordnet, Inflection(wordnet)
        self._phrasal = {lemma.split("_")[0] for lemma in wordnet.lemmas if "_" in lemma and wordnet.senses(lemma, "v")}

    def of(self, form: str) -> Meaning | None:
        """Returns the dominant meaning of a form; None for an ambiguous one, a name, a function word, or no word at
        all."""
        if len(form) < _SHORTEST or not _WORD.fullmatch(form) or form in FUNCTION_WORDS:
            return None
        weights: dict[tuple[SynsetId, str, str], float] = {}
        for lemma, part, tag in sorted(self._inflection.analyses(form)):
            for sense in self._wordnet.senses(lemma, part):
                key = sense.synset, f"{part}.{tag}".removesuffix("."), lemma
                weights[key] = weights.get(key, 0.0) + sense.tagged + _UNSEEN
        total = sum(weights.values())
        chosen = max(weights, key=lambda key: (self._weight(key, weights), weights[key], key), default=None)
        if chosen is None or self._weight(chosen, weights) <= _RIVALS * total:
            return None
        others = sum(w for key, w in weights.items() if key[0][0] != chosen[0][0])
        inflected = sum(w for key, w in weights.items() if key[0][0] == chosen[0][0] and key[1] != chosen[1])
        if others + inflected > _OTHER_PARTS * total:
            return None
        synset, inflection, lemma = chosen
        if synset[0] == "v" and lemma in self._phrasal:  # "ask for", "live down": another verb breaks the phrase
            return None
        # A name is written with a capital in WordNet, and stays alone.
        return Meaning(synset, inflection, lemma) if lemma in self._wordnet.synsets[synset].words else None

    def forms(self, lemma: str, synset: SynsetId) -> list[str]:
        """Returns the further forms of a lemma that may join classes of their own: plurals, and the forms of verbs."""
        part, field = synset[0], self._wordnet.synsets[synset].field
        if part == "n" and field in _COUNTABLE and not _UNCOUNTED.fullmatch(lemma):
            plural = self._inflection.plural(lemma)
            return [] if plural is None else [plural]
        if part == "v":
            return [form for tag, form in self._inflection.verb_forms(lemma).items() if tag != "base"]
        return []

    def familiar(self, word: str) -> bool:
        """Returns whether people use a word, or see at once what it is made of: "snow-white", "pinkish".

        WordNet's texts use it, or it has more than one sense: wn(1) too measures familiarity by the number of senses.
        """
        senses = [sense for part in "nvar" for sense in self._wordnet.senses(word, part)]
        if len(senses) > 1 or any(sense.tagged for sense in senses):
            return True
        parts = word.split("-")
        if len(parts) > 1:
            return all(part in FUNCTION_WORDS or self.familiar(part) for part in parts)
        stem = word.removesuffix("ish")
        return word.endswith("ish") and any(self._tagged(base) for base in (stem, stem + "e", stem[:-1]))

    def _tagged(self, word: str) -> bool:
        return any(sense.tagged for part in "nvar" for sense in self._wordnet.senses(word, part))

    def _weight(self, key: tuple[SynsetId, str, str], weights: dict[tuple[SynsetId, str, str], float]) -> float:
        """Returns a meaning's weight with those that say the same of the same word: the noun "red" and the
        adjective."""
        return sum(weight for other, weight in weights.items() if other == key or self._same(key, other))

    def _same(self, key: tuple[SynsetId, str, str], other: tuple[SynsetId, str, str]) -> bool:
        parts = {key[0][0], other[0][0]}
        return parts == {"n", "a"} and other[0] in self._wordnet.synsets[key[0]].related
