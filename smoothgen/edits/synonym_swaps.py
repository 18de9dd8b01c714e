"""Words changed for another word of their class in the published partition (docs/theory/synonyms.md)."""

from __future__ import annotations

from collections.abc import Iterator

from smoothgen.synonyms import Canonical, Partition, Slot
from smoothgen.synonyms.words import replaceable


def synonym_swaps(text: str) -> Iterator[str]:
    """Yields every text with one word changed for another of its class, in the order of the words and then of the
    class. The word keeps its capitals, and takes the "a" or "an" before it along."""
    partition = Partition.load()
    for word in replaceable(text, lambda lower: len(partition.members(lower)) > 1):
        start, between = word.start, ""
        article = None
        if word.article is not None:
            start, end_of_article = word.article
            article, between = word.article_case, text[end_of_article : word.start]
        for other in partition.members(word.lower):
            if other != word.lower:
                slot = Slot((other,), word.case, article, between)
                yield partition.plain(Canonical((text[:start], slot, text[word.end :])))
