"""The token snap of one embedding table: what it makes of embeddings, and the sequences that an attack can reach."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from smoothgen.certificates import SnapThreat
from smoothgen.contracts import ListedNeighbours, RunWords, cut
from smoothgen.tokens import Neighbourhoods, TokenTable, comparison_error, cost_of, nearest_sequences, written
from workers.progress import made_progress

_ROWS_AT_A_TIME: Final = 4096
_SNAPPED_AT_A_TIME: Final = 1024


class Snap:
    """The snap to one table. The table is read when it is first needed: that takes seconds. For one thread at a
    time."""

    def __init__(self, read_table: Callable[[], TokenTable]) -> None:
        """read_table: returns the table, or raises UnusableTable."""
        self._read_table = read_table

    @property
    def table(self) -> TokenTable:
        """Returns the rows that embeddings are snapped to. Raises UnusableTable."""
        return self._neighbourhoods.table

    @cached_property
    def _neighbourhoods(self) -> Neighbourhoods:
        return Neighbourhoods(self._read_table(), on_token=made_progress)

    def snapped(self, embeddings: NDArray[np.float32], honest: Sequence[int] = ()) -> list[int]:
        """Returns the token ids that embeddings, shape (tokens, width), are read as. honest: the prompt's ids, which
        are targets as well. Raises InvalidTokens."""
        ids: list[int] = self.table.snap(embeddings, honest).tolist()
        return ids

    def sequences(self, noisy: NDArray[np.float64]) -> list[tuple[int, ...]]:
        """Returns the token ids that each of several noisy prompts, shape (prompts, tokens, width), is read as.

        A function of the noisy numbers alone, which no prompt chooses the targets of. Raises InvalidTokens.
        """
        rows, found = noisy.reshape(-1, noisy.shape[-1]), []
        for start in range(0, len(rows), _SNAPPED_AT_A_TIME):
            found += self.table.snap(rows[start : start + _SNAPPED_AT_A_TIME]).tolist()
            made_progress()  # a batch of long prompts takes minutes
        count = noisy.shape[1]
        return [tuple(found[start : start + count]) for start in range(0, len(found), count)]

    def listed(self, ids: Sequence[int], number: int, attack_on: str, held_fixed: tuple[str, ...]) -> ListedNeighbours:
        """Returns the `number` other token sequences nearest to a prompt's, or all there are.

        Raises UnusableTable for a table whose snap could take one token for another without any attack.
        """
        found = nearest_sequences(self._neighbourhoods, ids, number)
        reached = found.next_cost if math.isfinite(found.next_cost) else float(max(found.costs, default=0.0))
        threat = SnapThreat(
            attack_on=attack_on,
            table=self.table.digest,
            tokens=len(ids),
            squared_error=comparison_error(self.table.width, reached),
            held_fixed=held_fixed,
        )
        next_cost = found.next_cost if math.isfinite(found.next_cost) else None
        return ListedNeighbours.of(found.costs, found.changes, next_cost, threat.to_dict())

    def cost(self, ids: Sequence[int], others: Sequence[int]) -> float:
        """Returns a lower bound of the l2 norm of every attack that turns one token sequence into another of as many
        tokens. Raises InvalidTokens for another number of tokens."""
        return cost_of(self._neighbourhoods, ids, others)

    def words_of(
        self, ids: Sequence[int], decode: Callable[[list[int]], str], encode: Callable[[str], Sequence[int]]
    ) -> RunWords:
        """Returns the text of a token sequence, and whether it is read as this sequence where a person sends it.

        decode: the text of token ids. encode: the token ids of a text; one that raises InvalidPrompt is not writable.
        """
        [found] = written(self.table, [ids], decode, encode)
        return RunWords(text=cut(found.text), writable=found.writable)


def embedding_rows(network: Any) -> NDArray[np.float32]:
    """Returns the input embedding of every token id of a transformers network, shape (ids, width); 16-bit numbers as
    float32, which holds them all."""
    layer = network.get_input_embeddings()
    count = int(layer.weight.shape[0])
    found = []
    with torch.inference_mode():
        for start in range(0, count, _ROWS_AT_A_TIME):
            ids = torch.arange(start, min(start + _ROWS_AT_A_TIME, count), device=layer.weight.device)
            found.append(layer(ids).float().cpu().numpy())
    return np.concatenate(found)


def text_of(tokenizer: Any, ids: list[int]) -> str:
    """Returns the text of token ids as a person would write it: without what the tokenizer sets around every text."""
    text: str = tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    return text
