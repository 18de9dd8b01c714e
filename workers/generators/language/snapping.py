"""Prompts of a language model behind a token snap: the sequences an attack can reach, and their texts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from smoothgen.contracts import EncodedAfter, RunWords, Template, cut
from workers.generators.language.prompt_tokens import PromptTokens
from workers.generators.language.token_rows import token_table
from workers.generators.snapping import Snap, text_of

_SPACE: Final = " "
_BETWEEN_TURNS: Final = "\n\n"


class Snapping(Snap):
    """The token snap of one language model, whose prompts may stand in a chat template."""

    def __init__(self, network: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, tokens: PromptTokens) -> None:
        super().__init__(lambda: token_table(network, tokenizer))
        self._tokenizer, self._tokens = tokenizer, tokens

    def words(self, ids: Sequence[int], template: Template | None) -> RunWords:
        """Returns the text of a token sequence, and whether it is read as this sequence where a person sends it. Of
        several attacked turns, the texts in order, an empty line between them."""
        if template is None:
            return self.words_of(ids, partial(text_of, self._tokenizer), self._tokens.completion)
        *earlier, prompt = (ids[part] for part in template.parts(len(ids)))
        turns = [
            self._in_template(of_turn, turn.encoded_after, trims=turn.trims)
            for of_turn, turn in zip(earlier, template.earlier, strict=True)
        ]
        turns.append(self._in_template(prompt, template.encoded_after, trims=template.trims))
        texts = [turn.text or "" for turn in turns]
        return RunWords(text=cut(_BETWEEN_TURNS.join(texts)), writable=all(turn.writable for turn in turns))

    def _in_template(self, ids: Sequence[int], encoded_after: EncodedAfter, *, trims: bool) -> RunWords:
        """Returns the same of the tokens of one turn in a template."""

        def decode(tokens: list[int]) -> str:
            text = text_of(self._tokenizer, tokens)
            return text.removeprefix(_SPACE) if encoded_after == _SPACE else text

        def encode(text: str) -> Sequence[int]:
            return self._tokens.within(text.strip() if trims else text, encoded_after)

        return self.words_of(ids, decode, encode)
