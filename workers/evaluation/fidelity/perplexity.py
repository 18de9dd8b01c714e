"""How surprised the unprotected language model is by texts."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch

_BATCH: Final = 16


@dataclass(frozen=True)
class Surprise:
    """nats: minus the log-probability of all tokens together. tokens: how many. Sums add up over prompts."""

    nats: float = 0.0
    tokens: int = 0

    def __add__(self, other: Surprise) -> Surprise:
        return Surprise(self.nats + other.nats, self.tokens + other.tokens)

    @property
    def perplexity(self) -> float | None:
        """Returns e to the mean of nats a token; None without a token."""
        return math.exp(self.nats / self.tokens) if self.tokens else None


def surprise(network: Any, tokenizer: Any, prompt: str, texts: Sequence[str]) -> Surprise:
    """Returns the surprise of continuations of a prompt, each text counted as often as it comes.

    The texts are tokenised apart from the prompt and read after it without noise, so a text may have other tokens than
    when it was generated. A text without tokens adds nothing.
    """
    start = tokenizer(prompt)["input_ids"]
    found = Surprise()
    counted = [(tokenizer(text, add_special_tokens=False)["input_ids"], n) for text, n in Counter(texts).items()]
    whole = [(ids, n) for ids, n in counted if ids]
    for first in range(0, len(whole), _BATCH):
        batch = whole[first : first + _BATCH]
        nats = _nats(network, start, [ids for ids, _ in batch])
        for (ids, n), of_text in zip(batch, nats, strict=True):
            found += Surprise(n * of_text, n * len(ids))
    return found


def _nats(network: Any, start: list[int], texts: Sequence[list[int]]) -> list[float]:
    longest = len(start) + max(map(len, texts))
    # Padding stands to the right and no token looks there, so any id will do.
    rows = torch.tensor([[*start, *ids, *[0] * (longest - len(start) - len(ids))] for ids in texts])
    mask = torch.tensor([[1] * (len(start) + len(ids)) + [0] * (longest - len(start) - len(ids)) for ids in texts])
    with torch.inference_mode():
        logits = network(input_ids=rows.to(network.device), attention_mask=mask.to(network.device)).logits
    logs = torch.log_softmax(logits.double(), dim=-1).cpu()
    found = []
    for row, ids in enumerate(texts):
        places = torch.arange(len(start) - 1, len(start) - 1 + len(ids))
        found.append(-float(logs[row, places, torch.tensor(ids)].sum()))
    return found
