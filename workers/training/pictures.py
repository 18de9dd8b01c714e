"""Fashion-MNIST in colour: grey garments on black, tinted (Xiao, Rasul & Vollgraf 2017; MIT licence)."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from workers.training.vocabulary import COLOURS, GARMENTS

DATA: Final = Path("/usr/share/datasets/fashion-mnist")
"""Where Debian's dataset-fashion-mnist puts the four files."""
SIZE: Final = 32

PALETTE: Final = {
    "red": (0.90, 0.08, 0.10),
    "orange": (1.00, 0.50, 0.05),
    "yellow": (1.00, 0.92, 0.15),
    "green": (0.15, 0.70, 0.25),
    "blue": (0.12, 0.30, 0.95),
    "purple": (0.58, 0.18, 0.80),
    "pink": (1.00, 0.45, 0.70),
    "white": (0.95, 0.95, 0.95),
}


@dataclass(frozen=True)
class Garments:
    """Grey pictures, float32 (n, 32, 32) in [0, 1], and their classes, int64 (n,) into GARMENTS."""

    grey: torch.Tensor
    kinds: torch.Tensor


def load_garments(folder: Path, split: str) -> Garments:
    """Reads a split ("train" or "t10k"). Raises FileNotFoundError with the remedy."""
    images, labels = (folder / f"{split}-{part}-ubyte.gz" for part in ("images-idx3", "labels-idx1"))
    for path in (images, labels):
        if not path.is_file():
            raise FileNotFoundError(
                f"{path} is missing; install Debian's dataset-fashion-mnist, or give the folder of the four "
                "Fashion-MNIST files with --data"
            )
    raw = _idx(images, header=16).reshape(-1, 28, 28).astype(np.float32)
    kinds = _idx(labels, header=8).astype(np.int64)
    if kinds.max() >= len(GARMENTS):
        raise ValueError(f"{labels} holds class {kinds.max()}; Fashion-MNIST has {len(GARMENTS)}")
    padded = np.pad(raw, ((0, 0), (2, 2), (2, 2)))
    # Each garment's own brightest cloth is full colour: else a dark red shoe and a brown one would be one picture.
    brightest = np.quantile(padded.reshape(len(padded), -1), 0.98, axis=1)[:, None, None]
    return Garments(torch.from_numpy(np.minimum(padded / np.maximum(brightest, 1), 1)), torch.from_numpy(kinds))


def _idx(path: Path, *, header: int) -> NDArray[np.uint8]:
    with gzip.open(path) as file:
        return np.frombuffer(file.read(), np.uint8, offset=header)


def tint(grey: torch.Tensor, colours: torch.Tensor) -> torch.Tensor:
    """Garments (n, 32, 32) in colours int64 (n,) into COLOURS: (n, 3, 32, 32) in [−1, 1], as diffusers wants them."""
    palette = torch.tensor([PALETTE[name] for name in COLOURS])
    return grey[:, None] * palette[colours][:, :, None, None] * 2 - 1
