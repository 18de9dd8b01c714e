"""Choosing tokens: exact sampling as an argmax, with the numbers of each sample's own draw."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from transformers import LogitsProcessor, LogitsProcessorList, TopKLogitsWarper, TopPLogitsWarper

from smoothgen.contracts import TextParameters
from smoothgen.noise import gumbels
from workers.generators.conditions import Draw
from workers.generators.language.decoding import Health


def processors_of(parameters: TextParameters, draws: Sequence[Draw]) -> tuple[LogitsProcessorList, Health]:
    """Returns the checks of a batch's logits and what they find. With a temperature also exact sampling from
    softmax(logits/T) by Gumbel-max. draws: of each row."""
    health = Health()
    processors = LogitsProcessorList([health])
    if parameters.temperature > 0:
        processors.append(_Temperature(parameters.temperature))
        if parameters.top_k is not None:
            processors.append(TopKLogitsWarper(parameters.top_k))
        if parameters.top_p is not None and parameters.top_p < 1:
            processors.append(TopPLogitsWarper(parameters.top_p))
        processors.append(_GumbelMax(draws))
    return processors, health


class _Temperature(LogitsProcessor):  # type: ignore[misc]  # transformers ships no types
    """Logits below their maximum, divided by T: as T → 0 the others go to −∞, where logits / T would overflow."""

    def __init__(self, temperature: float) -> None:
        self._temperature = max(temperature, 1e-30)  # single precision knows nothing smaller, and needs nothing smaller

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        del input_ids
        return (scores - scores.amax(dim=-1, keepdim=True)) / self._temperature  # type: ignore[return-value]


class _GumbelMax(LogitsProcessor):  # type: ignore[misc]  # transformers ships no types
    """Adds each row's own Gumbel numbers; rows that share a draw share the numbers."""

    def __init__(self, draws: Sequence[Draw]) -> None:
        self._draws, self._step = draws, 0

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        del input_ids
        distinct = {
            draw: gumbels(draw.seed, draw.stream, draw.index, scores.shape[-1], step=self._step)
            for draw in set(self._draws)
        }
        self._step += 1
        added = (
            np.stack([distinct[draw] for draw in self._draws]) if len(distinct) > 1 else next(iter(distinct.values()))
        )
        return scores + torch.from_numpy(added).to(scores.device, scores.dtype)  # type: ignore[return-value]
