"""The set of edits of a text, version "edits/v1": every text that one slip, or two, can make of it.

The order, which is part of the version: the texts one edit away, by kind in the order of KINDS, and inside a kind from
the beginning of the text to its end; then the caller's variants; then, where two edits are allowed at once, the texts
one edit away from each of the first ones (not from the variants), in the same order. A text that was listed before, and
the text itself, are left out. So texts one edit away come first, and no text comes twice.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from smoothgen.certificates.edits import EDITS_V1, KINDS, EditSetIdentity, drawn_indices
from smoothgen.edits.keyboard import typos
from smoothgen.edits.layout import capitals, punctuation, spacing
from smoothgen.edits.synonym_swaps import synonym_swaps
from smoothgen.errors import InvalidParameters, InvalidPrompt, UnknownName
from smoothgen.noise import Seed
from smoothgen.synonyms import Partition

MAKERS: Final[Mapping[str, Callable[[str], Iterator[str]]]] = MappingProxyType(
    {
        "typo": typos,
        "capitals": capitals,
        "spacing": spacing,
        "punctuation": punctuation,
        "synonym": synonym_swaps,
    }
)
VARIANT: Final = "variant"
MOST_TEXTS: Final = 1_000_000
MOST_CHARACTERS: Final = 100_000_000
"""What a set may list, repetitions included: half a second to a few seconds, and up to some hundred megabytes."""


class _Listing(NamedTuple):
    """texts: all of the set, in order. made_by: the kinds of edits that make each. singles: how many come by one."""

    texts: tuple[str, ...]
    made_by: tuple[tuple[str, ...], ...]
    singles: int


@dataclass(frozen=True)
class EditSet:
    """Every text that edits of these kinds make of a text, up to `at_once` of them together, and the variants given.

    text: any text with a UTF-8 form. kinds: names of KINDS, in any order. at_once: 1 or 2. variants: the caller's own
    list of texts, each of them one edit.

    Raises InvalidPrompt, InvalidParameters or UnknownName for what is none of this; listing raises InvalidParameters
    for a set above MOST_TEXTS or MOST_CHARACTERS, and for an empty one.
    """

    text: str
    kinds: tuple[str, ...] = KINDS
    at_once: int = 1
    variants: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in self.kinds:
            if name not in MAKERS:
                raise UnknownName("kind of edit", str(name), KINDS, field="kinds")
        if isinstance(self.at_once, bool) or self.at_once not in (1, 2):
            raise InvalidParameters(f"at_once must be 1 or 2, got {self.at_once!r}", field="at_once")
        for field, text in (("text", self.text), *(("variants", variant) for variant in self.variants)):
            if not isinstance(text, str) or not _has_utf8(text):
                raise InvalidPrompt(f"{field} must be text with a UTF-8 form, got {text!r:.80}", field=field)
        object.__setattr__(self, "kinds", tuple(name for name in KINDS if name in self.kinds))
        object.__setattr__(self, "variants", tuple(self.variants))

    @property
    def texts(self) -> Sequence[str]:
        """Returns all texts of the set, in order: no text twice, the original not among them."""
        return self._listing.texts

    @property
    def size(self) -> int:
        """Returns N, how many texts there are."""
        return len(self._listing.texts)

    @property
    def singles(self) -> int:
        """Returns how many of them, the first in order, are one edit away. The variants are among these."""
        return self._listing.singles

    def text_at(self, index: int) -> str:
        """Returns text number `index`, counted from 0. Raises InvalidParameters outside [0, size)."""
        return self._listing.texts[self._checked(index)]

    def made_by(self, index: int) -> tuple[str, ...]:
        """Returns the kinds of the edits that make text number `index` (the first way to it in the order): one or two
        of KINDS, or "variant". Raises InvalidParameters outside [0, size)."""
        return self._listing.made_by[self._checked(index)]

    def sample(self, seed: Seed, count: int) -> tuple[int, ...]:
        """Returns the indices of `count` texts drawn uniformly and independently, WITH replacement, by the seed: draw i
        is a function of (seed, i) and the size of the set."""
        return tuple(drawn_indices(seed, self.size, count).tolist())

    @cached_property
    def digest(self) -> str:
        """Returns "sha256:<hex>" over version, kinds, at_once, partition, the text, and all texts of the set in
        order."""
        head = {"version": EDITS_V1, "kinds": self.kinds, "at_once": self.at_once, "partition": self._partition}
        hashed = hashlib.sha256(json.dumps(head, sort_keys=True, separators=(",", ":")).encode())
        for text in (self.text, *self.texts):
            written = text.encode()
            hashed.update(len(written).to_bytes(8, "little") + written)
        return f"sha256:{hashed.hexdigest()}"

    @property
    def identity(self) -> EditSetIdentity:
        """Returns what a certificate says of the set: everything that lists it again, but for the texts themselves."""
        return EditSetIdentity(
            version=EDITS_V1,
            kinds=self.kinds,
            at_once=self.at_once,
            variants=len(self.variants),
            partition=self._partition,
            digest=self.digest,
        )

    @property
    def _partition(self) -> str | None:
        return Partition.load().digest if "synonym" in self.kinds else None

    def _checked(self, index: int) -> int:
        if not 0 <= index < self.size:
            raise InvalidParameters(f"a text of this set has a number in [0, {self.size}), got {index!r}")
        return index

    @cached_property
    def _listing(self) -> _Listing:
        found: dict[str, tuple[str, ...]] = {}
        met = {self.text}
        listed = characters = 0

        def add(text: str, names: tuple[str, ...]) -> None:
            nonlocal listed, characters
            listed, characters = listed + 1, characters + len(text)
            if listed > MOST_TEXTS or characters > MOST_CHARACTERS:
                raise InvalidParameters(
                    f"the set lists more than {MOST_TEXTS} texts or {MOST_CHARACTERS} characters for a text of "
                    f"{len(self.text)} characters; ask for fewer kinds, or at_once=1",
                    field="at_once",
                )
            if text not in met:
                met.add(text)
                found[text] = names

        alone = {name: (name,) for name in KINDS}
        for name in self.kinds:
            for text in MAKERS[name](self.text):
                add(text, alone[name])
        firsts = list(found.items()) if self.at_once == 2 else []
        for text in self.variants:
            add(text, (VARIANT,))
        singles = len(found)
        together = {(first, second): (first, second) for first in KINDS for second in KINDS}
        for made, first in firsts:
            for name in self.kinds:
                names = together[first[0], name]  # one tuple for all texts that are made so
                for text in MAKERS[name](made):
                    add(text, names)
        if not found:
            raise InvalidParameters(
                "the set of edits is empty: name kinds that change this text, or give variants that differ from it",
                field="kinds",
            )
        return _Listing(tuple(found), tuple(found.values()), singles)


def _has_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def edit_set_of(identity: EditSetIdentity, text: str, variants: Sequence[str] = ()) -> EditSet:
    """Returns the set that a certificate's identity describes, of the text at hand. Raises as EditSet does."""
    named: dict[str, Any] = {"kinds": identity.kinds, "at_once": identity.at_once}
    return EditSet(text, **named, variants=tuple(variants))
