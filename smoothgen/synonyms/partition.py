"""A published partition of words: every word has one class, and a swap inside a class changes nothing that is drawn."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Final

from smoothgen.errors import InvalidPartition, UnknownName
from smoothgen.noise import Seed, Stream, uniforms
from smoothgen.synonyms.words import Case, replaceable

FORMAT: Final = "smoothgen/synonyms/v1"
DEFAULT: Final = "wordnet-synonyms"
DATA: Final = Path(__file__).parent / "data"
AN: Final = "+"
PUBLISHED: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {DEFAULT: ("1", "sha256:3a6749426460a680e5914f72d907382fd58beb403de2f8fb4fddedc17657a5c8")}
)
"""name → the version shipped, and its digest: a version never changes its content."""
_MEMBER: Final = re.compile(r"[a-z]+(?:-[a-z]+)*")
_SHORTEST: Final = 3


@dataclass(frozen=True)
class Slot:
    """A place where a word is drawn. `article`: the case of the "a" or "an" before it, None where there is none.

    `between`: what stands between that article and the word.
    """

    members: tuple[str, ...]
    case: Case
    article: Case | None
    between: str

    def filled(self, word: str, *, an: bool) -> str:
        """Returns the word in its case, behind its article."""
        written = self.case.write(word)
        return written if self.article is None else self.article.write("an" if an else "a") + self.between + written


@dataclass(frozen=True)
class Canonical:
    """A text without the choice of words inside classes: equal for all texts that differ by such choices only."""

    pieces: tuple[str | Slot, ...]

    @cached_property
    def slots(self) -> tuple[Slot, ...]:
        """Returns the places where words are drawn, in order."""
        return tuple(piece for piece in self.pieces if isinstance(piece, Slot))


class Partition:
    """Classes of words. `identity` says which: name, version, digest of the file."""

    def __init__(self, name: str, version: str, digest: str, classes: Sequence[Sequence[str]]) -> None:
        """Keeps the words of each class; those that take "an" are marked in `classes`. Raises InvalidPartition unless
        no word stands twice and each is one that can be drawn."""
        self.name, self.version, self.digest = name, version, digest
        self.classes: tuple[tuple[str, ...], ...] = tuple(tuple(w.removeprefix(AN) for w in c) for c in classes)
        self._an = frozenset(w.removeprefix(AN) for c in classes for w in c if w.startswith(AN))
        self._class_of = {word: members for members in self.classes for word in members}
        if len(self._class_of) != sum(map(len, self.classes)):
            raise InvalidPartition(f"partition {name!r} lists a word in more than one class, or twice in one")
        for word in self._class_of:
            if len(word) < _SHORTEST or not _MEMBER.fullmatch(word):
                raise InvalidPartition(
                    f"partition {name!r} lists {word!r}; a word has {_SHORTEST} or more small letters, and single "
                    "hyphens between them"
                )

    @classmethod
    def load(cls, name: str = DEFAULT) -> Partition:
        """Returns a partition that comes with the package. Raises UnknownName."""
        if name not in PUBLISHED:
            raise UnknownName("partition", name, PUBLISHED)
        return _load(name)

    @classmethod
    def read(cls, content: bytes) -> Partition:
        """Returns a partition from its file. Raises InvalidPartition."""
        head, classes = {}, []
        lines = content.decode("ascii").splitlines()
        if lines[:1] != [f"# {FORMAT}"]:
            raise InvalidPartition(f"a partition's first line is '# {FORMAT}', got {lines[:1]!r:.80}")
        for line in lines[1:]:
            if line.startswith("#"):
                key, _, value = line.removeprefix("#").strip().partition(": ")
                head[key] = value
            else:
                classes.append(line.split(" ")[2:])
        missing = {"name", "version"} - head.keys()
        if missing:
            raise InvalidPartition(f"the partition states no {' and no '.join(sorted(missing))}")
        return cls(head["name"], head["version"], digest_of(content), classes)

    def members(self, word: str) -> tuple[str, ...]:
        """Returns the class of a word, in small letters: at least the word itself."""
        return self._class_of.get(word.lower(), (word.lower(),))

    def canonical(self, prompt: str) -> Canonical:
        """Returns the canonical form: everything that is drawn is a function of it."""
        pieces: list[str | Slot] = []
        done = 0
        for word in replaceable(prompt, self._class_of.__contains__):
            start = word.start if word.article is None else word.article[0]
            between = "" if word.article is None else prompt[word.article[1] : word.start]
            article = None if word.article is None else word.article_case
            pieces += [prompt[done:start], Slot(self._class_of[word.lower], word.case, article, between)]
            done = word.end
        pieces.append(prompt[done:])
        return Canonical(tuple(pieces))

    def longest_bytes(self, form: Canonical) -> int:
        """Returns how many bytes no text of this form exceeds in UTF-8: the longest word in every slot, and "an "
        before it."""

        def longest(piece: str | Slot) -> int:
            if isinstance(piece, str):
                return len(piece.encode())
            return max(map(len, piece.members)) + len("an ") + len(piece.between.encode())

        return sum(map(longest, form.pieces))

    def variant(self, prompt: str | Canonical, seed: Seed, stream: Stream, index: int) -> str:
        """Returns the text of one sample: every word drawn uniformly from its class by the numbers of (seed, stream,
        index).

        A function of the canonical form and of those three, so equal for two prompts of one class.
        """
        form = self.canonical(prompt) if isinstance(prompt, str) else prompt
        slots = form.slots
        if not slots:
            return self._filled(form, ())
        numbers = uniforms(seed, stream, index, len(slots))
        # Below 1 by at least 2⁻⁵³, so never beyond the last member.
        chosen = [slot.members[int(u * len(slot.members))] for slot, u in zip(slots, numbers, strict=True)]
        return self._filled(form, chosen)

    def plain(self, prompt: str | Canonical) -> str:
        """Returns the text with the first word of every class: one for all prompts of a class, for what is said once a
        job."""
        form = self.canonical(prompt) if isinstance(prompt, str) else prompt
        return self._filled(form, [slot.members[0] for slot in form.slots])

    def same_class(self, prompt: str, other: str) -> bool:
        """Returns whether two prompts differ by swaps inside classes only: then what is drawn from them has one law, W₁
        = 0."""
        return self.canonical(prompt) == self.canonical(other)

    def _filled(self, form: Canonical, words: Sequence[str]) -> str:
        left = iter(words)
        return "".join(
            piece if isinstance(piece, str) else piece.filled(word := next(left), an=word in self._an)
            for piece in form.pieces
        )


def digest_of(content: bytes) -> str:
    """Returns the sha256 of a partition's file."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@cache
def _load(name: str) -> Partition:
    version, digest = PUBLISHED[name]
    partition = Partition.read((DATA / f"{name}-{version}.txt").read_bytes())
    if (partition.name, partition.version, partition.digest) != (name, version, digest):
        raise InvalidPartition(
            f"the shipped partition is {partition.name!r} {partition.version!r} ({partition.digest}), where {name!r} "
            f"{version!r} ({digest}) was published; a changed partition is a new version"
        )
    return partition
