"""The texts a job draws from its prompt's synonym classes, embedded: one condition for every sample."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from smoothgen.noise import Seed, Stream
from smoothgen.synonyms import Partition
from workers.generators import Condition

TEXT_STREAMS: Final = {
    Stream.SELECTION: Stream.TEXT_SELECTION,
    Stream.CERTIFICATION: Stream.TEXT_CERTIFICATION,
    Stream.SERVED: Stream.TEXT_SERVED,
}
_KEPT_BYTES: Final = 1 << 20
"""Bytes of embeddings that are kept for each job. A worker keeps hundreds of jobs."""
_KEPT: Final = 256


class Variants:
    """Texts by (stream, index). The prompt enters by its canonical form alone, so two prompts of one class have the
    same texts, the same embeddings and the same failures."""

    def __init__(self, prompt: str, partition: Partition, seed: Seed, embed: Callable[[str], Condition]) -> None:
        """`embed` gives a text its condition. Where it raises, the sample counts as failed."""
        self._form = partition.canonical(prompt)
        self._partition, self._seed, self._embed = partition, seed, embed
        self._kept: OrderedDict[str, Condition] = OrderedDict()

    @property
    def plain(self) -> str:
        """The text of which a job says what it says once: notes, the embedding's norm, what is held fixed."""
        return self._partition.plain(self._form)

    @property
    def longest_bytes(self) -> int:
        """An upper bound on the UTF-8 length of every text that can be drawn."""
        return self._partition.longest_bytes(self._form)

    def text(self, stream: Stream, index: int) -> str:
        """Returns the text of one sample; `stream` is that of its noise."""
        return self._partition.variant(self._form, self._seed, TEXT_STREAMS[stream], index)

    def __call__(self, stream: Stream, index: int) -> Condition:
        """Returns the condition of one sample. Each text is embedded alone, so no batch can change its numbers."""
        text = self.text(stream, index)
        if text in self._kept:
            self._kept.move_to_end(text)
            return self._kept[text]
        condition = self._kept[text] = self._embed(text)
        while len(self._kept) > max(1, min(_KEPT, _KEPT_BYTES // max(1, condition.embedding.nbytes))):
            self._kept.popitem(last=False)
        return condition
