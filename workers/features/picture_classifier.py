"""The small network that classifies pictures by garment and colour. The network is trained apart from the generator."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  the name torch's users know
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import nn

_CONFIG, _WEIGHTS = "config.json", "model.safetensors"
_SIZE: Final = 32
_BATCH: Final = 256
FEATURE_WIDTH: Final = 64


class ClassifierNetwork(nn.Module):
    """The network from pictures (n, 3, 32, 32) in [−1, 1] to features (n, 64) and logits, one tensor for each part."""

    def __init__(self, parts: dict[str, list[str]]) -> None:
        super().__init__()
        self.parts = parts
        widths = (3, 32, 64, 96, 128)
        self.convolutions = nn.Sequential(
            *(
                layer
                for k, (before, after) in enumerate(itertools.pairwise(widths))
                for layer in (
                    nn.Conv2d(before, after, 3, stride=1 if k == 0 else 2, padding=1, bias=False),
                    nn.BatchNorm2d(after),
                    nn.ReLU(),
                )
            )
        )
        self.features = nn.Linear(widths[-1] * 16, FEATURE_WIDTH)
        self.heads = nn.ModuleList(nn.Linear(FEATURE_WIDTH, len(names)) for names in parts.values())

    def forward(self, pictures: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Returns the features before the last layer, and the logits of each part."""
        features = self.features(F.relu(self.convolutions(pictures)).flatten(1))
        return features, [head(F.relu(features)) for head in self.heads]

    def save(self, folder: Path) -> None:
        """Writes the configuration and the weights to a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _CONFIG).write_text(json.dumps({"parts": self.parts}, indent=2) + "\n", encoding="utf-8")
        save_file(self.state_dict(), folder / _WEIGHTS)

    @classmethod
    def load(cls, folder: Path) -> ClassifierNetwork:
        """Reads what `save` wrote."""
        network = cls(json.loads((folder / _CONFIG).read_text(encoding="utf-8"))["parts"])
        network.load_state_dict(load_file(folder / _WEIGHTS))
        return network.eval()


class PictureClassifier:
    """The network as a FeatureMap of pictures, and as a classifier of them."""

    def __init__(self, network: ClassifierNetwork, name: str, device: str = "cpu") -> None:
        self._network, self._device, self.name = network.to(device).eval(), device, name

    def features(self, pictures: Sequence[NDArray[np.uint8]]) -> NDArray[np.float64]:
        """Returns the features before the last layer divided by their norm, shape (len(pictures), 64)."""
        raw = self._run(pictures)[0].astype(np.float64)
        with np.errstate(invalid="ignore", divide="ignore"):
            normalised: NDArray[np.float64] = raw / np.linalg.norm(raw, axis=1, keepdims=True)
        return normalised

    def verdicts(self, pictures: Sequence[NDArray[np.uint8]]) -> list[str]:
        """Returns the likeliest name of each part, such as "red sneaker". The last part stands first, in the order of
        English."""
        _, parts = self._run(pictures)
        names = list(self._network.parts.values())
        chosen = [[names[p][int(i)] for i in part.argmax(axis=1)] for p, part in enumerate(parts)]
        return [" ".join(reversed(words)) for words in zip(*chosen, strict=True)]

    def _run(self, pictures: Sequence[NDArray[np.uint8]]) -> tuple[NDArray[np.float32], list[NDArray[np.float32]]]:
        features, logits = [], []
        with torch.inference_mode():
            for start in range(0, len(pictures), _BATCH):
                batch = torch.from_numpy(np.stack(pictures[start : start + _BATCH])).to(self._device)
                scaled = batch.permute(0, 3, 1, 2).float() / 127.5 - 1
                if scaled.shape[-2:] != (_SIZE, _SIZE):
                    scaled = F.interpolate(scaled, (_SIZE, _SIZE), mode="area")
                found, parts = self._network(scaled)
                features.append(found.cpu().numpy())
                logits.append([part.cpu().numpy() for part in parts])
        return np.concatenate(features), [np.concatenate(part) for part in zip(*logits, strict=True)]
