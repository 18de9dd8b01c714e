"""Noise on token embeddings, snapped: what the model says of the token sequences that noisy embeddings are read as."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Final

from smoothgen.noise import Stream
from workers.generators.conditions import Draw
from workers.generators.outputs import Failure, Made

_KEPT_BYTES: Final = 1 << 18
"""Bytes of token ids and outputs that are kept for each condition. A worker keeps hundreds of conditions."""
_OF_ENTRY: Final = 500
"""More bytes than an entry takes beside its ids and its text."""

TokenIds = tuple[int, ...]
Run = Callable[[Sequence[TokenIds], Sequence[Draw]], list[Made | Failure]]
"""What the model says after each token sequence of one batch, each with its own ω."""


class SnappedRuns:
    """Gives one condition's draws their outputs. Draws that were read as the same tokens, under the same randomness,
    have the same output, and it is made once.

    Such a sequence is run alone, so that its output is a function of its tokens and its ω, whatever else was drawn.
    What was run last is kept for the condition's later draws.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[bytes, Draw | None], Made | Failure] = OrderedDict()
        self._bytes = 0

    def outputs(
        self, sequences: Sequence[TokenIds], draws: Sequence[Draw], run: Run, *, random: bool
    ) -> list[Made | Failure]:
        """Returns one output a draw. sequences: what each was read as. random: whether the model draws randomness of
        its own; where each draw has its own, nothing can be shared, and all are run in one batch."""
        if random and any(draw.stream != Stream.GENERATOR_COMMON for draw in draws):
            return run(sequences, draws)
        found: dict[tuple[TokenIds, Draw | None], Made | Failure] = {}
        keys = [(ids, draw if random else None) for ids, draw in zip(sequences, draws, strict=True)]
        for key, draw in zip(keys, draws, strict=True):
            if key not in found:
                found[key] = self._made(key, draw, run)
        return [found[key] for key in keys]

    def _made(self, key: tuple[TokenIds, Draw | None], draw: Draw, run: Run) -> Made | Failure:
        ids, common = key
        place = (b"".join(token.to_bytes(4, "little") for token in ids), common)
        if place in self._kept:
            self._kept.move_to_end(place)
            return self._kept[place]
        [made] = run([ids], [draw])
        self._kept[place] = made
        self._bytes += _size(place[0], made)
        while self._bytes > _KEPT_BYTES:
            (oldest, _), dropped = self._kept.popitem(last=False)
            self._bytes -= _size(oldest, dropped)
        return made


def _size(ids: bytes, made: Made | Failure) -> int:
    text = made.reason if isinstance(made, Failure) else made.content
    return _OF_ENTRY + len(ids) + (4 * len(text) if isinstance(text, str) else text.nbytes)
