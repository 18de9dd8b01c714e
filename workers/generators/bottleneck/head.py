"""From a prompt's sentence embedding to x, a point of a few numbers: the only way a prompt reaches the language model.

x is the probability-weighted mean of the corners of a cross-polytope, ±e_i: two different questions lie √2 apart (2 for
the two ends of an axis), two phrasings of one question nearly together, and 0 says nothing the head knows. Every x lies
in the unit ball.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn


class Head(nn.Module):
    """The network from sentence embeddings (n, encoder_width) to logits (n, intents)."""

    def __init__(self, encoder_width: int, hidden: int, intents: int) -> None:
        super().__init__()
        self.intents = intents
        self.layers = nn.Sequential(
            nn.Linear(encoder_width, hidden),
            nn.GELU(),
            nn.Dropout(0.2),
            nn.Linear(hidden, intents),
        )

    @property
    def width(self) -> int:
        """Returns k, the number of coordinates of x."""
        return (self.intents + 1) // 2

    def forward(self, sentences: torch.Tensor) -> torch.Tensor:
        """Returns the logits."""
        logits: torch.Tensor = self.layers(sentences)
        return logits

    def place(self, sentences: NDArray[np.float64]) -> NDArray[np.float64]:
        """Returns the x of each sentence, shape (n, width)."""
        with torch.inference_mode():
            logits = self(torch.from_numpy(sentences).float())
            probabilities: NDArray[np.float64] = torch.softmax(logits.double(), dim=-1).numpy()
        return probabilities @ cross_polytope(self.intents)


def cross_polytope(count: int) -> NDArray[np.float64]:
    """Returns `count` corners of a cross-polytope, shape (count, ⌈count/2⌉): e₁, −e₁, e₂, −e₂ and so on."""
    width = (count + 1) // 2
    corners = np.zeros((count, width))
    corners[np.arange(count), np.arange(count) // 2] = np.where(np.arange(count) % 2, -1.0, 1.0)
    return corners
