"""The shipped model's conditioning: a sentence embedding becomes a point of a product of two simplices.

Nine numbers say which garment, seven which colour: each part is the probability-weighted mean of the corners of a
regular simplex with edge √2, so two prompts of different meaning lie √2 apart (2 where both parts differ), two of one
meaning nearly together, and 0 says nothing at all. That a part says nothing ("not a red sneaker") is a class of its
own, whose corner is 0: a network learns to name it more surely than to balance ten others. Noise put here is noise on
the meaning.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import nn

_CONFIG, _WEIGHTS, _WORDS = "config.json", "model.safetensors", "words.txt"
_DROPOUT = 0.2


@dataclass(frozen=True)
class TextHeadConfig:
    """The sizes of what the head reads and writes. `parts` holds the names of every simplex's corners, garments and
    colours."""

    encoder: str
    encoder_width: int
    hidden_width: int
    parts: dict[str, list[str]]


class TextHead(nn.Module):
    """Sentence embeddings (n, encoder_width) → logits, one tensor (n, corners + 1) a part, "says nothing" the last."""

    def __init__(self, config: TextHeadConfig) -> None:
        super().__init__()
        self.config = config
        self.caption_words: frozenset[str] | None = None
        """The words of the captions it was trained on, in small letters; None where its folder does not list them. They
        change no output, so they are no part of the model's digest."""
        self.sizes = [len(names) for names in config.parts.values()]
        self.layers = nn.Sequential(
            nn.Linear(config.encoder_width, config.hidden_width),
            nn.GELU(),
            nn.Dropout(_DROPOUT),
            nn.Linear(config.hidden_width, config.hidden_width),
            nn.GELU(),
            nn.Dropout(_DROPOUT),
            nn.Linear(config.hidden_width, sum(size + 1 for size in self.sizes)),
        )

    def forward(self, sentences: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Returns the logits by part."""
        logits: torch.Tensor = self.layers(sentences)
        return torch.split(logits, [size + 1 for size in self.sizes], dim=-1)

    def probabilities(self, sentences: NDArray[np.float64]) -> list[NDArray[np.float64]]:
        """Returns the probabilities of every corner, an array (n, corners) for each part; what a row lacks to 1 is the
        probability that the part says nothing."""
        with torch.inference_mode():
            logits = self(torch.from_numpy(sentences).float())
        return [torch.softmax(part.double(), dim=-1)[:, :-1].numpy() for part in logits]

    @property
    def width(self) -> int:
        """Returns the number of coordinates of the condition."""
        return sum(size - 1 for size in self.sizes)

    def place(self, probabilities: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
        """Returns the points of these probabilities, shape (n, width)."""
        parts = zip(probabilities, self.sizes, strict=True)
        return np.concatenate([p @ simplex_corners(size) for p, size in parts], axis=-1)

    def points(self, sentences: NDArray[np.float64]) -> NDArray[np.float64]:
        """Returns the points of sentence embeddings, shape (n, width)."""
        return self.place(self.probabilities(sentences))

    def save(self, folder: Path) -> None:
        """Writes the configuration and the weights to a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _CONFIG).write_text(json.dumps(self.config.__dict__, indent=2) + "\n", encoding="utf-8")
        if self.caption_words is not None:
            (folder / _WORDS).write_text("\n".join(sorted(self.caption_words)) + "\n", encoding="utf-8")
        save_file(self.state_dict(), folder / _WEIGHTS)

    @classmethod
    def load(cls, folder: Path) -> TextHead:
        """Reads what `save` wrote."""
        head = cls(TextHeadConfig(**json.loads((folder / _CONFIG).read_text(encoding="utf-8"))))
        head.load_state_dict(load_file(folder / _WEIGHTS))
        if (folder / _WORDS).is_file():
            head.caption_words = frozenset((folder / _WORDS).read_text(encoding="utf-8").split())
        return head.eval()


def simplex_corners(count: int) -> NDArray[np.float64]:
    """Returns the corners of a regular simplex centred at 0, edge √2, shape (count, count − 1).

    Unit vectors minus their mean, written in Helmert's orthonormal basis of the hyperplane they span.
    """
    basis = np.zeros((count, count - 1))
    for k in range(1, count):
        basis[:k, k - 1], basis[k, k - 1] = 1, -k
    corners: NDArray[np.float64] = basis / np.linalg.norm(basis, axis=0)
    return corners
