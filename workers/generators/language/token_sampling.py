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
        processors.append(_Temperature(Temperature(parameters.temperature)))
        if parameters.top_k is not None:
            processors.append(TopKLogitsWarper(parameters.top_k))
        if parameters.top_p is not None and parameters.top_p < 1:
            processors.append(TopPLogitsWarper(parameters.top_p))
        processors.append(_GumbelMax(Gumbels(draws)))
    return processors, health


class Temperature:
    """Logits below their maximum, divided by T: as T → 0 the others go to −∞, where logits / T would overflow."""

    def __init__(self, temperature: float) -> None:
        self._temperature = max(temperature, 1e-30)  # single precision knows nothing smaller, and needs nothing smaller

    def scores(self, logits: torch.Tensor) -> torch.Tensor:
        """Returns the scores of logits, (…, vocabulary)."""
        return (logits - logits.amax(dim=-1, keepdim=True)) / self._temperature


class Gumbels:
    """Each row's own Gumbel numbers, step by step; rows that share a draw share the numbers."""

    def __init__(self, draws: Sequence[Draw]) -> None:
        """draws: of each row."""
        self._draws = draws

    def of(self, rows: Sequence[int], steps: Sequence[int], vocabulary: int) -> torch.Tensor:
        """Returns the numbers of some places in texts, (places, vocabulary), in double. rows, steps: of each place, its
        row and how many tokens come before it."""
        places = [(self._draws[row], step) for row, step in zip(rows, steps, strict=True)]
        distinct = {
            (draw, step): gumbels(draw.seed, draw.stream, draw.index, vocabulary, step=step)
            for draw, step in set(places)
        }
        if len(distinct) == 1:
            return torch.from_numpy(next(iter(distinct.values()))).expand(len(places), -1)
        return torch.from_numpy(np.stack([distinct[place] for place in places]))


class _Temperature(LogitsProcessor):  # type: ignore[misc]  # transformers ships no types
    """Scores in place of logits."""

    def __init__(self, temperature: Temperature) -> None:
        self._temperature = temperature

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        del input_ids
        return self._temperature.scores(scores)  # type: ignore[return-value]


class _GumbelMax(LogitsProcessor):  # type: ignore[misc]  # transformers ships no types
    """Adds each row's own Gumbel numbers."""

    def __init__(self, numbers: Gumbels) -> None:
        self._numbers, self._step = numbers, 0

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        del input_ids
        rows, vocabulary = scores.shape
        added = self._numbers.of(range(rows), [self._step] * rows, vocabulary)
        self._step += 1
        return scores + added.to(scores.device, scores.dtype)  # type: ignore[return-value]
