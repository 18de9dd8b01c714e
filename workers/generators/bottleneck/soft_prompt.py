"""The step from noisy x to virtual tokens: an estimate of the intent, and the mean of the soft prompts under it."""

from __future__ import annotations

import torch
from torch import nn


class SoftPrompt(nn.Module):
    """The network from x + noise (n, k) to input embeddings of a language model (n, tokens, width).

    The network is trained with noise on x to name the intent, so its output is the posterior probability of each intent
    given the noisy x. The soft prompt is the posterior mean of the table's entries. The last entry stands for
    everything outside the domain.
    """

    table: torch.Tensor

    def __init__(self, numbers: int, hidden: int, table: torch.Tensor) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(numbers, hidden),
            nn.GELU(),
            nn.Linear(hidden, hidden),
            nn.GELU(),
            nn.Linear(hidden, len(table)),
        )
        self.register_buffer("table", table)

    def logits(self, x: torch.Tensor) -> torch.Tensor:
        """Returns the logits of every intent, and last of none of them, shape (n, intents + 1)."""
        logits: torch.Tensor = self.layers(x)
        return logits

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Returns virtual tokens, shape (n, tokens, width)."""
        weights = torch.softmax(self.logits(x), dim=-1)
        return torch.einsum("nc,cmw->nmw", weights, self.table)
