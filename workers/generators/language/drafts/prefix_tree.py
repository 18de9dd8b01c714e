"""The outputs of a job as a tree of tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

_MOST_NODES: Final = 2048
"""Tokens that one tree holds: less than a megabyte. What would need more is not added."""
_ELSEWHERE: Final = 0.5
"""The share of outputs that are taken to go on as another did after the same two tokens, where none began the same."""


@dataclass(slots=True)
class _Node:
    """A token in its place. outputs: how many outputs pass through it."""

    outputs: int = 0
    next: dict[int, _Node] = field(default_factory=dict)


@dataclass(frozen=True)
class Draft:
    """A guess how an output goes on.

    tokens: the guess. agreement: for each token, the share of outputs that are expected to go on as far as it.
    """

    tokens: tuple[int, ...] = ()
    agreement: tuple[float, ...] = ()


class PrefixTree:
    """Outputs seen so far, by their first tokens."""

    def __init__(self) -> None:
        self._root, self._nodes = _Node(), 0
        self._after_two: dict[tuple[int, int], _Node] = {}

    def add(self, tokens: Sequence[int]) -> None:
        """Adds a whole output, its end token included."""
        node = self._root
        node.outputs += 1
        for place, token in enumerate(tokens):
            if token not in node.next:
                if self._nodes >= _MOST_NODES:
                    return
                self._nodes += 1
                node.next[token] = _Node()
            node = node.next[token]
            node.outputs += 1
            if place:
                self._after_two[tokens[place - 1], token] = node

    def after(self, tokens: Sequence[int], most: int) -> Draft:
        """Returns how an output that begins with these tokens is likely to go on, by at most `most` tokens.

        It is the most frequent way on of outputs that began the same. Where there is none, it is that of the output
        which last had the same two tokens anywhere; texts that differ in a word often meet again. Where there is none
        either, the guess is empty.
        """
        node = self._reached(tokens)
        if node is not None and node.next:
            return _most_frequent(node, most, 1.0)
        node = self._after_two.get((tokens[-2], tokens[-1])) if len(tokens) > 1 else None
        return Draft() if node is None else _most_frequent(node, most, _ELSEWHERE)

    def _reached(self, tokens: Sequence[int]) -> _Node | None:
        node: _Node | None = self._root
        for token in tokens:
            node = None if node is None else node.next.get(token)
        return node


def _most_frequent(node: _Node, most: int, trust: float) -> Draft:
    """Returns the most frequent way on from a node. trust: the agreement, had all outputs gone that way."""
    seen, guessed, agreement = node.outputs, list[int](), list[float]()
    while node.next and len(guessed) < most:
        token, node = max(node.next.items(), key=lambda item: item[1].outputs)
        guessed.append(token)
        agreement.append(trust * node.outputs / seen)
    return Draft(tuple(guessed), tuple(agreement))
