"""Keys and values of rows that have gone different ways through a draft."""

from __future__ import annotations

from typing import Any

import torch
from transformers import DynamicCache


class GappedCache:
    """A network's cache whose rows have different numbers of tokens: places that hold no token of a row are masked."""

    def __init__(self, network: Any, rows: int) -> None:
        self._network, self._cache = network, DynamicCache()
        device = network.device
        self._held = torch.zeros((rows, 0), dtype=torch.long, device=device)
        self._lengths = torch.zeros(rows, dtype=torch.long, device=device)
        self._appended = 0

    def logits(self, embeddings: torch.Tensor, last: int) -> torch.Tensor:
        """Returns the logits at the last places of embeddings that are appended to every row, (rows, last, vocabulary),
        in float32. `keep` then says which of the embeddings are tokens of their row."""
        rows, appended = embeddings.shape[:2]
        places = torch.arange(appended, device=embeddings.device)
        mask = torch.cat([self._held, torch.ones((rows, appended), dtype=torch.long, device=embeddings.device)], dim=1)
        made = self._network(
            inputs_embeds=embeddings,
            attention_mask=mask,
            position_ids=self._lengths[:, None] + places,
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=last,
        )
        self._appended = appended
        logits: torch.Tensor = made.logits.float()
        return logits

    def keep(self, counts: torch.Tensor, going_on: torch.Tensor) -> None:
        """Keeps the first of the embeddings appended last, as many as counted for each row, and of the rows those that
        go on, given by their places."""
        most = int(counts[going_on].max())
        if most < self._appended:
            self._cache.crop(most - self._appended)
        kept = (torch.arange(most, device=counts.device) < counts[:, None]).long()
        self._held, self._lengths = torch.cat([self._held, kept], dim=1), self._lengths + counts
        if len(going_on) < len(counts):
            self._cache.batch_select_indices(going_on)
            self._held, self._lengths = self._held[going_on], self._lengths[going_on]
