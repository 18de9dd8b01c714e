"""Build the partition from WordNet: python -m smoothgen.synonyms.build --wordnet DIR

The same WordNet gives the same bytes. A partition that is published never changes: other rules, or another WordNet,
are another version.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from smoothgen.synonyms.inflection import indefinite_article
from smoothgen.synonyms.meanings import Meaning, Meanings
from smoothgen.synonyms.partition import AN, DATA, DEFAULT, FORMAT, digest_of
from smoothgen.synonyms.wordnet import WORDNET, SynsetId, WordNet

VERSION: Final = "1"
LICENCE: Final = "WordNet 3.0 Copyright 2006 by Princeton University. All rights reserved."
_SPELLINGS: Final = (
    (re.compile(r"is(e|es|ed|ing|er|ers|ation|ations)$"), r"iz\1"),
    (re.compile(r"ys(e|es|ed|ing|er|ers)$"), r"yz\1"),
    (re.compile(r"our"), "or"),
    (re.compile(r"[ao]e"), "e"),
    (re.compile(r"tre(s?)$"), r"ter\1"),
    (re.compile(r"grey"), "gray"),
    (re.compile(r"(.)\1"), r"\1"),
    (re.compile(r"-"), ""),
)
Key = tuple[SynsetId, str, bool]


def classes(wordnet: WordNet) -> dict[Key, list[str]]:
    """Returns classes of two and more forms by (synset, inflection, familiar), the most tagged form first."""
    meanings = Meanings(wordnet)
    found: dict[str, Meaning] = {}
    for lemma in wordnet.lemmas:
        meaning = meanings.of(lemma)
        if meaning is None or meaning.lemma != lemma:
            continue
        found[lemma] = meaning
        for form in meanings.forms(lemma, meaning.synset):
            inflected = meanings.of(form)
            if inflected is not None and (inflected.synset, inflected.lemma) == (meaning.synset, lemma):
                found[form] = inflected
    groups: defaultdict[tuple[SynsetId, str], list[str]] = defaultdict(list)
    for form, meaning in found.items():
        groups[meaning.synset, meaning.inflection].append(form)
    made: dict[Key, list[str]] = {}
    for (synset, inflection), forms in groups.items():
        for familiar, members in _by_familiarity(forms, found, meanings).items():
            if len(members) > 1:
                ranked = sorted(members, key=lambda form: (-_tagged(wordnet, found[form]), form))
                made[synset, inflection, familiar] = ranked
    return made


def write(wordnet: WordNet) -> bytes:
    """Returns the partition's file."""
    made = classes(wordnet)
    lines = [
        f"# {FORMAT}",
        f"# name: {DEFAULT}",
        f"# version: {VERSION}",
        f"# source: {LICENCE}",
        "# licence: WordNet 3.0 license, in full in wordnet-licence.txt beside this file",
        "# A line is a class: inflection, WordNet synset, words; +word takes the article an. Every word not listed is",
        "# alone in its class.",
    ]
    for ((part, offset), inflection, _), members in sorted(made.items()):
        words = (AN + word if indefinite_article(word) == "an" else word for word in members)
        lines.append(f"{inflection} {part}{offset} {' '.join(words)}")
    return ("\n".join(lines) + "\n").encode("ascii")


def _by_familiarity(forms: Sequence[str], found: dict[str, Meaning], meanings: Meanings) -> dict[bool, list[str]]:
    """Returns everyday words (under True) and rare ones (under False) apart, so that nobody who writes "ant" is given
    "pismire". A spelling of an everyday word counts as everyday."""
    everyday = {_spelling(form) for form in forms if meanings.familiar(found[form].lemma)}
    groups: dict[bool, list[str]] = {True: [], False: []}
    for form in forms:
        groups[_spelling(form) in everyday].append(form)
    return groups


def _spelling(word: str) -> str:
    for pattern, other in _SPELLINGS:
        word = pattern.sub(other, word)
    return word


def _tagged(wordnet: WordNet, meaning: Meaning) -> int:
    part = meaning.synset[0]
    return next(s.tagged for s in wordnet.senses(meaning.lemma, part) if s.synset == meaning.synset)


def main(arguments: Sequence[str] | None = None) -> int:
    """Writes the file and prints its digest."""
    parser = argparse.ArgumentParser(prog="python -m smoothgen.synonyms.build", description=__doc__)
    parser.add_argument("--wordnet", type=Path, default=WORDNET, help="the folder of WordNet's database files")
    parser.add_argument("--output", type=Path, default=DATA / f"{DEFAULT}-{VERSION}.txt")
    given = parser.parse_args(arguments)
    try:
        content = write(WordNet(given.wordnet))
        given.output.write_bytes(content)
    except OSError as error:
        print(f"build: {error}", file=sys.stderr)
        return 1
    print(f"{given.output}: {len(content)} bytes, {digest_of(content)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
