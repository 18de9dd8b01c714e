"""Edits of a prompt, each with its kind and whether it keeps the meaning. The files and their order decide which edits
are made."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from workers.research.coverage.endings import inflect, with_articles
from workers.research.coverage.words import COUNT_WORDS, FUNCTION_WORDS, Word, swappable
from workers.research.wordnet_files import Wordnet, key, plain

Kind = Literal["synonym", "template", "given paraphrase", "antonym", "coordinate", "number", "negation", "given change"]
SAME: Final[tuple[Kind, ...]] = ("synonym", "template", "given paraphrase")
"""The kinds that keep the meaning. A certificate should cover these."""
CHANGED: Final[tuple[Kind, ...]] = ("antonym", "coordinate", "number", "negation", "given change")
"""The kinds that change the meaning. A certificate should cover none of these."""

_TEMPLATES: Final = {m: Path(__file__).parent / f"templates-{m}.tsv" for m in ("text", "image")}
_NUMBER: Final = re.compile(rf"(?<![\w.,])(?:\d+(?![.,]\d)|{'|'.join(COUNT_WORDS)})\b", re.IGNORECASE)
"""A pattern for whole numbers: digits that are no part of a decimal, or a word."""
_AUXILIARY: Final = re.compile(r"\b(?:is|are|was|were|can|could|must|should|will|would|may|might|does|did|do)\b")


@dataclass(frozen=True)
class Edit:
    """Another prompt made from one. `swap` holds what stood there and what stands there now, for swaps of words."""

    kind: Kind
    text: str
    swap: tuple[str, str] | None = None

    @property
    def same(self) -> bool:
        """Returns whether the edit keeps the meaning."""
        return self.kind in SAME


@dataclass(frozen=True)
class Template:
    """A rephrasing: `text` holds "{prompt}" once. `kind`: template where it keeps the meaning, else negation."""

    kind: Kind
    text: str


def load_templates(source: Path) -> list[Template]:
    """Reads lines of "same" or "different", a tab, and a text with {prompt}. Raises ValueError, OSError."""
    found = []
    for number, line in enumerate(source.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        label, _, text = line.partition("\t")
        if label not in ("same", "different") or text.count("{prompt}") != 1:
            raise ValueError(
                f'{source}, line {number}: {line!r:.100} is not "same" or "different", a tab, and a text that holds '
                "{prompt} once"
            )
        found.append(Template("template" if label == "same" else "negation", text))
    return found


def shipped_templates(modality: str) -> list[Template]:
    """Returns the rephrasings for a model of texts or of images."""
    return load_templates(_TEMPLATES[modality])


def load_given(source: Path) -> dict[str, list[Edit]]:
    """Reads the user's own edits: lines of prompt, tab, other prompt, tab, "same" or "different". Returns them by
    prompt, in order."""
    found: dict[str, list[Edit]] = {}
    for number, line in enumerate(source.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        fields = line.split("\t")
        if len(fields) != 3 or fields[2] not in ("same", "different") or not all(f.strip() for f in fields):
            raise ValueError(
                f'{source}, line {number}: {line!r:.100} is not prompt, tab, other prompt, tab, "same" or "different"'
            )
        kind: Kind = "given paraphrase" if fields[2] == "same" else "given change"
        found.setdefault(fields[0], []).append(Edit(kind, fields[1]))
    return found


def edits_of(
    prompt: str, wordnet: Wordnet, templates: Sequence[Template], given: Sequence[Edit], *, most: int
) -> list[Edit]:
    """Returns the edits of a prompt: at most `most` of each kind that is made here, and all that were given. No text
    comes twice: what keeps the meaning comes first, so a swap that is both a synonym and a coordinate term counts as a
    synonym."""
    words = swappable(wordnet, prompt)
    synonyms = [(word, synonym_swaps(word)) for word in words]
    others = [(word, list(coordinates(wordnet, word))) for word in words]
    opposites = [(word, list(antonyms(wordnet, word))) for word in words]
    kinds: list[list[Edit]] = [
        _in_turn(wordnet, prompt, "synonym", synonyms),
        [Edit(t.kind, with_articles(t.text.replace("{prompt}", prompt))) for t in templates if t.kind == "template"],
        _in_turn(wordnet, prompt, "antonym", opposites),
        _in_turn(wordnet, prompt, "coordinate", others),
        list(_numbers(prompt)),
        [*_negated(prompt), *(Edit("negation", t.text.replace("{prompt}", prompt)) for t in templates
                              if t.kind == "negation")],
    ]  # fmt: skip
    chosen = list(given)
    seen = {prompt, *(edit.text for edit in given)}
    for kind in kinds:
        fresh = [e for e in {e.text: e for e in kind}.values() if e.text not in seen][:most]
        chosen += fresh
        seen |= {e.text for e in fresh}
    return chosen


def synonym_swaps(word: Word) -> list[str]:
    """Returns the other words of the very synset, in WordNet's order, as base forms."""
    return [
        plain(written)
        for written in word.sense.words
        # "(p)": only after the noun it speaks of; "(ip)": only straight after it.
        if not written.endswith(("(p)", "(ip)"))
        and key(plain(written)) != key(word.base)
        and _fits(plain(written), word)
    ]


def antonyms(wordnet: Wordnet, word: Word) -> Iterator[str]:
    """Returns what WordNet calls the opposite: of the word, else, for an adjective that stands around a head, of the
    head."""
    direct = [p for p in word.sense.pointers if p.symbol == "!" and _is_of(word, p.source)]
    if not direct and word.sense.satellite:
        heads = [wordnet.synset(p.offset, p.pos) for p in word.sense.pointers if p.symbol == "&"]
        direct = [p for head in heads for p in head.pointers if p.symbol == "!"]
    for pointer in direct:
        words = wordnet.synset(pointer.offset, pointer.pos).words
        yield plain(words[pointer.target - 1] if pointer.target else words[0])


def coordinates(wordnet: Wordnet, word: Word) -> Iterator[str]:
    """Returns words with the same hypernym, the most used first: another garment, another country, another colour.

    A colour is an adjective here, and adjectives have no hypernym. The noun of the same name has one.
    """
    if word.pos == "a":
        nouns = [wordnet.synset(p.offset, p.pos) for p in word.sense.pointers if p.symbol == "+" and p.pos == "n"]
        named = [noun for noun in nouns if word.base in map(key, noun.words)]
    elif word.pos == "n":
        named = [word.sense]
    else:
        return
    own = {key(plain(w)) for sense in wordnet.senses(word.base, word.pos) for w in sense.synset.words}
    found: dict[str, int] = {}
    for up in (p for noun in named for p in noun.pointers if p.symbol in ("@", "@i")):
        for down in (p for p in wordnet.synset(up.offset, up.pos).pointers if p.symbol in ("~", "~i")):
            if down.offset in {noun.offset for noun in named}:
                continue
            sibling = wordnet.synset(down.offset, down.pos)
            name = plain(sibling.words[0])
            if key(name) in own or (word.pos == "a" and not wordnet.knows(name, "a")) or not _fits(name, word):
                continue
            uses = next((s.count for s in wordnet.senses(name, "n") if s.synset.offset == sibling.offset), 0)
            found[name] = max(uses, found.get(name, 0))
    yield from sorted(found, key=lambda name: (-found[name], name))


def _in_turn(wordnet: Wordnet, prompt: str, kind: Kind, swaps: Sequence[tuple[Word, list[str]]]) -> list[Edit]:
    """Yields one swap of every word, then a second of every word, and so on, so that a limit cuts all words alike."""
    longest = max((len(others) for _, others in swaps), default=0)
    found = []
    for rank in range(longest):
        for word, others in swaps:
            inflected = inflect(wordnet, others[rank], word.pos, word.ending) if rank < len(others) else None
            if inflected is not None and inflected.lower() != word.text.lower():
                found.append(Edit(kind, with_articles(word.swapped(prompt, inflected)), (word.text, inflected)))
    return found


def _fits(name: str, word: Word) -> bool:
    """Returns whether both words are names, or both are common words: a name replaces names only."""
    if not re.fullmatch(r"[A-Za-z' -]+", name) or name in FUNCTION_WORDS:
        return False
    return any(c.isupper() for c in name) == any(c.isupper() for c in word.text[1:] + _initial(word))


def _initial(word: Word) -> str:
    """Returns the word's first letter as WordNet writes it: at the start of a prompt its case would say nothing."""
    written = next((w for w in word.sense.words if key(plain(w)) == key(word.base)), word.base)
    return written[0]


def _is_of(word: Word, source: int) -> bool:
    return source == 0 or key(plain(word.sense.words[source - 1])) == key(word.base)


def _numbers(prompt: str) -> Iterator[Edit]:
    for match in _NUMBER.finditer(prompt):
        text = match.group()
        if text.isdigit():
            other = str(int(text) + 1)
        else:
            place = COUNT_WORDS.index(text.lower())
            other = COUNT_WORDS[place + 1 if place + 1 < len(COUNT_WORDS) else place - 1]
            other = other.capitalize() if text[0].isupper() else other
        yield Edit("number", prompt[: match.start()] + other + prompt[match.end() :], (text, other))


def _negated(prompt: str) -> Iterator[Edit]:
    match = _AUXILIARY.search(prompt)
    if match is not None:
        verb = match.group()
        yield Edit("negation", f"{prompt[: match.end()]} not{prompt[match.end() :]}", (verb, f"{verb} not"))
