"""From the token ids of a batch to outputs: every row is cut at its own first end and judged by its own tokens."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from itertools import groupby
from typing import Any

import torch
from transformers import GenerationConfig, LogitsProcessor, PreTrainedTokenizerBase

from smoothgen.contracts import TextParameters
from workers.generators.outputs import Failure, Made, Text
from workers.generators.stops import cut


def end_tokens(*given: Any) -> tuple[int, ...]:
    """Returns the union of several sources of end tokens, each an id, a list of ids or None, in ascending order.

    A chat model often names one end in its generation config and another in its tokenizer; its answer stops at either.
    """
    ids: set[int] = set()
    for source in given:
        ids |= set(source if isinstance(source, Iterable) else () if source is None else (source,))
    return tuple(sorted(ids))


class Health(LogitsProcessor):  # type: ignore[misc]  # transformers ships no types
    """Notes, step by step, the rows with a NaN, a +∞ or nothing but −∞ among their logits: argmax would quietly pick
    some token."""

    def __init__(self) -> None:
        self._steps: list[torch.Tensor] = []

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        """Returns the scores as they are."""
        del input_ids
        self._steps.append(torch.isfinite(scores.amax(dim=-1)))
        return scores

    def rows(self, batch: int) -> list[list[bool]]:
        """Returns, for each row of the batch, whether the logits of each step were finite."""
        if not self._steps:
            return [[] for _ in range(batch)]
        found: list[list[bool]] = torch.stack(self._steps, dim=1).tolist()
        return found


class Decoder:
    """Token ids → outputs, with the tokenizer's own spelling.

    Special tokens that a model says inside its answer stay in the text: left out, two different answers would be one
    to every metric. The end token itself is no part of the answer, and nothing behind it is: there a row waits for the
    others of its batch, and what is computed for it meanwhile belongs to nobody.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, ends: Sequence[int]) -> None:
        self._tokenizer, self._ends = tokenizer, frozenset(ends)
        self._known = frozenset(tokenizer.get_vocab().values())

    def made(self, tokens: torch.Tensor, health: Health, stops: Sequence[str] = ()) -> list[Made | Failure]:
        """Returns one output a row of new tokens, (batch, steps). stops: texts before the first of which each ends."""
        rows: list[list[int]] = tokens.tolist()
        return [self.text(row, finite, stops) for row, finite in zip(rows, health.rows(len(rows)), strict=True)]

    def text(self, row: Sequence[int], finite: Sequence[bool], stops: Sequence[str] = ()) -> Made | Failure:
        """Returns the output of one row of new tokens. finite: whether the logits of each step were. stops: as in
        `made`."""
        end = next((step for step, token in enumerate(row) if token in self._ends), None)
        used = len(row) if end is None else end + 1
        # The logits that chose the row's own tokens, its end included, and no later ones: a failure must depend on
        # nothing but the row.
        if not all(finite[:used]):
            return Failure("the model's logits were not finite")
        text, stopped = cut(self._text(row[:end]), stops)
        return Text(text, ended=end is not None or stopped, tokens=used)

    def _text(self, tokens: Sequence[int]) -> str:
        """Returns the tokenizer's text of these tokens. A network can have more outputs than its tokenizer has tokens:
        a tokenizer leaves such ids out, so they are spelt by their numbers."""
        return "".join(
            self._decoded(list(run)) if known else "".join(f"<unknown token {token}>" for token in run)
            for known, run in groupby(tokens, key=self._known.__contains__)
        )

    def _decoded(self, tokens: list[int]) -> str:
        # No clean-up: it would take "do n't" and "don't" for one.
        text: str = self._tokenizer.decode(tokens, skip_special_tokens=False, clean_up_tokenization_spaces=False)
        return text


def generation_config(
    parameters: TextParameters, ends: Collection[int], tokenizer: PreTrainedTokenizerBase
) -> GenerationConfig:
    """Returns how transformers is asked for the next tokens."""
    return GenerationConfig(
        max_new_tokens=parameters.max_new_tokens,
        do_sample=False,  # the draw, where there is one, is _GumbelMax's
        eos_token_id=list(ends) or None,
        pad_token_id=next(i for i in (tokenizer.pad_token_id, tokenizer.eos_token_id, 0) if i is not None),
    )
