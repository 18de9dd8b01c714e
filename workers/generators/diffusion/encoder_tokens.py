"""The tokens that a text encoder reads: the prompt's own, and those that its tokenizer sets around every text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from smoothgen.errors import InvalidPrompt
from smoothgen.tokens import TokenTable
from workers.generators.device_pass import device_pass
from workers.generators.snapping import Snap, embedding_rows, text_of

_ANY_TEXT: Final = "text"
_UNUSED: Final = re.compile(r"\[unused\d+\]")
"""How BERT's vocabulary names rows that stand for nothing."""


class EncoderTokens:
    """One text encoder's tokens, and their snap. An attack is on the input embeddings of the prompt's own tokens;
    start, end and padding tokens stand where they stood."""

    def __init__(self, network: Any, tokenizer: Any, *, filled_to: int | None = None) -> None:
        """filled_to: the number of tokens that every text is filled up to; None where a text stands by itself."""
        self._network, self._tokenizer, self._filled_to = network, tokenizer, filled_to
        body, whole = (self._encoded(_ANY_TEXT, add_special_tokens=own)["input_ids"] for own in (False, True))
        start = next(k for k in range(len(whole)) if whole[k : k + len(body)] == body)
        self._before, self._after = whole[:start], whole[start + len(body) :]
        self.snap = Snap(self._table)

    def own(self, text: str) -> list[int]:
        """Returns the ids of a text's own tokens.

        Raises InvalidPrompt for a text without any, and where the tokenizer sets other tokens around it than around
        every text.
        """
        filling = {} if self._filled_to is None else {"padding": "max_length", "max_length": self._filled_to}
        read = self._encoded(text, add_special_tokens=True, **filling)
        count = sum(read["attention_mask"])
        own: list[int] = read["input_ids"][len(self._before) : count - len(self._after)]
        if not own:
            raise InvalidPrompt(f"the prompt {text!r:.80} has no tokens of its own to attack", field="prompt")
        again = self.inputs(own)
        if any(again[name][0].tolist() != list(read[name]) for name in again):
            raise InvalidPrompt(
                f"around the prompt {text!r:.80} the tokenizer sets other tokens than around every text, so what an "
                "attack leaves in place is not known; use another mechanism",
                field="prompt",
            )
        return own

    def inputs(self, own: Sequence[int]) -> Mapping[str, torch.Tensor]:
        """Returns ids and attention mask as the tokenizer gives them for a text of these tokens, each (1, tokens)."""
        ids = [*self._before, *own, *self._after]
        padding = 0 if self._filled_to is None else self._filled_to - len(ids)
        filled = [*ids, *[int(self._tokenizer.pad_token_id or 0)] * padding]
        mask = [1] * len(ids) + [0] * padding
        return {"input_ids": torch.tensor([filled]), "attention_mask": torch.tensor([mask])}

    def rows(self, own: Sequence[int]) -> NDArray[np.float32]:
        """Returns the input embeddings of these tokens, shape (tokens, width), which an attack alters."""
        layer = self._network.get_input_embeddings()
        with torch.inference_mode():
            found: NDArray[np.float32] = layer(torch.tensor(list(own)).to(layer.weight.device)).float().cpu().numpy()
        return found

    def text(self, own: list[int]) -> str:
        """Returns the text of tokens as a person would write it."""
        return text_of(self._tokenizer, own).strip()

    def _table(self) -> TokenTable:
        """Returns the table of input embeddings. No targets: rows that belong to no token or to an unused one, and
        special tokens, but those that a text cannot be written without ("!" as padding)."""
        rows, words = embedding_rows(self._network), self._tokenizer.get_vocab()
        added = self._tokenizer.added_tokens_decoder
        special = {*self._tokenizer.all_special_ids, *(token for token, each in added.items() if each.special)}
        targets = {
            token
            for word, token in words.items()
            if not _UNUSED.fullmatch(word) and (token not in special or len(word.strip()) == 1)
        }
        return TokenTable(rows, set(range(len(rows))) - targets, first_pass=device_pass(self._network))

    def _encoded(self, text: str, **options: Any) -> Mapping[str, list[int]]:
        found: Mapping[str, list[int]] = self._tokenizer(text, truncation=False, verbose=False, **options)
        return found
