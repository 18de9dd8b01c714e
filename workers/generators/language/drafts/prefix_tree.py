"""The outputs of a job as a tree of tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

_MOST_NODES: Final = 2048
"""Tokens that one tree holds: some 0.4 MB. What would need more is not added."""


@dataclass(slots=True)
class _Node:
    """A token in its place. outputs: how many outputs pass through it."""

    outputs: int = 0
    next: dict[int, _Node] = field(default_factory=dict)


@dataclass(frozen=True)
class Draft:
    """A guess how an output goes on.

    tokens: the guess. agreement: for each token, the share of the outputs that were seen here and went on as far as it.
    """

    tokens: tuple[int, ...] = ()
    agreement: tuple[float, ...] = ()


class PrefixTree:
    """Outputs seen so far, by their first tokens."""

    def __init__(self) -> None:
        self._root, self._nodes = _Node(), 0

    def add(self, tokens: Sequence[int]) -> None:
        """Adds a whole output, its end token included."""
        node = self._root
        node.outputs += 1
        for token in tokens:
            if token not in node.next:
                if self._nodes >= _MOST_NODES:
                    return
                self._nodes += 1
                node.next[token] = _Node()
            node = node.next[token]
            node.outputs += 1

    def after(self, tokens: Sequence[int], most: int) -> Draft:
        """Returns the most frequent way on from these first tokens, of at most `most` tokens; nothing where no output
        began so."""
        node = self._root
        for token in tokens:
            if token not in node.next:
                return Draft()
            node = node.next[token]
        seen, guessed, agreement = node.outputs, list[int](), list[float]()
        while node.next and len(guessed) < most:
            token, node = max(node.next.items(), key=lambda item: item[1].outputs)
            guessed.append(token)
            agreement.append(node.outputs / seen)
        return Draft(tuple(guessed), tuple(agreement))
