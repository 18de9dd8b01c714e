"""Inception's features for the real FID, where an operator has the published file.

The file is Inception v3 as TorchScript, `inception-2015-12-05.pt`, as NVIDIA publishes it with StyleGAN2: called with
uint8 pictures (n, 3, h, w) and `return_features=True` it returns features (n, 2048). It comes with no package, so FID
is measured only where a plan names the file. NVIDIA's file has not been run here: what was tested is a small module of
the same call.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from smoothgen.errors import InvalidParameters

_BATCH: Final = 32


class InceptionFeatures:
    """Features of pictures from a TorchScript file."""

    def __init__(self, file: Path, device: str = "cpu") -> None:
        """Loads the file. Raises InvalidParameters, which names it, where it is no TorchScript of that call."""
        try:
            self._network = torch.jit.load(str(file), map_location=device).eval()  # type: ignore[no-untyped-call]
        except (RuntimeError, ValueError, OSError) as error:
            raise InvalidParameters(
                f"{file} is no TorchScript file that torch can load ({str(error).splitlines()[0]:.120}); give "
                "inception-2015-12-05.pt as NVIDIA publishes it with StyleGAN2",
                field="options.inception",
            ) from error
        self._device, self._file = device, file

    def features(self, pictures: Sequence[NDArray[np.uint8]]) -> NDArray[np.float64]:
        """Returns features, shape (len(pictures), width), of pictures (h, w, 3). Raises InvalidParameters where the
        file takes another call."""
        found = []
        with torch.inference_mode():
            for start in range(0, len(pictures), _BATCH):
                batch = torch.from_numpy(np.stack(pictures[start : start + _BATCH])).permute(0, 3, 1, 2)
                try:
                    made = self._network(batch.to(self._device), return_features=True)
                except (RuntimeError, TypeError) as error:
                    raise InvalidParameters(
                        f"{self._file} cannot be called with uint8 pictures and return_features=True "
                        f"({str(error).splitlines()[0]:.120}); give inception-2015-12-05.pt",
                        field="options.inception",
                    ) from error
                found.append(made.double().cpu().numpy())
        features: NDArray[np.float64] = np.concatenate(found)
        return features
