"""Prompts of a language model behind a token snap: the sequences an attack can reach, and their texts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from smoothgen.certificates import SnapThreat
from smoothgen.contracts import ListedNeighbours, RunWords, Template, cut
from smoothgen.tokens import Neighbourhoods, TokenTable, cost_of, nearest_sequences, written
from workers.generators.language.prompt_tokens import PromptTokens
from workers.generators.language.token_rows import text_of, token_table
from workers.progress import made_progress

_SPACE: Final = " "
_SNAPPED_AT_A_TIME: Final = 1024


class Snapping:
    """The token snap of one model. Its table is read when it is first needed: that takes seconds. For one thread at a
    time."""

    def __init__(self, network: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, tokens: PromptTokens) -> None:
        self._network, self._tokenizer, self._tokens = network, tokenizer, tokens

    @property
    def table(self) -> TokenTable:
        """Returns the rows that embeddings are snapped to. Raises UnusableTable."""
        return self._neighbourhoods.table

    @cached_property
    def _neighbourhoods(self) -> Neighbourhoods:
        return Neighbourhoods(token_table(self._network, self._tokenizer))

    def snapped(self, embeddings: NDArray[np.float32]) -> list[int]:
        """Returns the token ids that embeddings, shape (tokens, width), are read as. Raises InvalidTokens."""
        ids: list[int] = self.table.snap(embeddings).tolist()
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
            squared_error=_squared_error(self.table.width, reached),
            held_fixed=held_fixed,
        )
        next_cost = found.next_cost if math.isfinite(found.next_cost) else None
        return ListedNeighbours.of(found.costs, found.changes, next_cost, threat.to_dict())

    def cost(self, ids: Sequence[int], others: Sequence[int]) -> float:
        """Returns a lower bound of the l2 norm of every attack that turns one token sequence into another of as many
        tokens. Raises InvalidTokens for another number of tokens."""
        return cost_of(self._neighbourhoods, ids, others)

    def words(self, ids: Sequence[int], template: Template | None) -> RunWords:
        """Returns the text of a token sequence, and whether it is read as this sequence where a person sends it."""

        def decode(tokens: list[int]) -> str:
            text = text_of(self._tokenizer, tokens)
            return text.removeprefix(_SPACE) if _joined_by_space(template) else text

        def encode(text: str) -> Sequence[int]:
            if template is None:
                return self._tokens.completion(text)
            return self._tokens.within(text.strip() if template.trims else text, template.encoded_after)

        [found] = written(self.table, [ids], decode, encode)
        return RunWords(text=cut(found.text), writable=found.writable)


def _joined_by_space(template: Template | None) -> bool:
    return template is not None and template.encoded_after == _SPACE


def _squared_error(width: int, largest_cost: float) -> float:
    """Returns how far the snap's comparison of two squared distances errs at most, for rows that an attack of this cost
    can reach: (width + 4)·2⁻⁵³·‖Δ‖² with ‖Δ‖ ≤ 2·cost, rounded up (docs/theory/neighbours.md)."""
    return (width + 4) * 2.0**-53 * (2 * largest_cost) ** 2 * (1 + 1e-6)
