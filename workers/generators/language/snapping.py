"""Prompts of a language model behind a token snap: the sequences an attack can reach, and their texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from smoothgen.contracts import RunWords, Template
from workers.generators.language.prompt_tokens import PromptTokens
from workers.generators.language.token_rows import token_table
from workers.generators.snapping import Snap, text_of

_SPACE: Final = " "


class Snapping(Snap):
    """The token snap of one language model, whose prompts may stand in a chat template."""

    def __init__(self, network: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, tokens: PromptTokens) -> None:
        super().__init__(lambda: token_table(network, tokenizer))
        self._tokenizer, self._tokens = tokenizer, tokens

    def words(self, ids: Sequence[int], template: Template | None) -> RunWords:
        """Returns the text of a token sequence, and whether it is read as this sequence where a person sends it."""

        def decode(tokens: list[int]) -> str:
            text = text_of(self._tokenizer, tokens)
            return text.removeprefix(_SPACE) if _joined_by_space(template) else text

        def encode(text: str) -> Sequence[int]:
            if template is None:
                return self._tokens.completion(text)
            return self._tokens.within(text.strip() if template.trims else text, template.encoded_after)

        return self.words_of(ids, decode, encode)


def _joined_by_space(template: Template | None) -> bool:
    return template is not None and template.encoded_after == _SPACE
