"""CLIP scores: how well pictures fit a prompt, in the eyes of a CLIP model from a folder or hub."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from transformers import AutoImageProcessor, AutoTokenizer, CLIPModel

from workers.loading.broken_files import told_in_one_line
from workers.loading.complete_weights import require_complete

_BATCH: Final = 32


class ClipScore:
    """A CLIP model with its tokeniser and image processor."""

    def __init__(self, source: str, device: str = "cpu") -> None:
        """Loads a hub name or a folder, safetensors only. Raises OSError naming the remedy."""
        with told_in_one_line(
            f"CLIP model {source!r} cannot be loaded",
            "give the name of a hub model this machine can reach, or a folder with safetensors, tokeniser and image "
            "processor",
        ):
            self._processor = AutoImageProcessor.from_pretrained(source, trust_remote_code=False, backend="pil")
            self._tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
            model, report = CLIPModel.from_pretrained(source, use_safetensors=True, output_loading_info=True)
            require_complete(repr(source), report, "give a CLIP model with all its tensors")
        self._model: Any = model.to(device).eval()

    def scores(self, prompt: str, pictures: Sequence[NDArray[np.uint8]]) -> NDArray[np.float64]:
        """Returns 100·max(cosine, 0) between the prompt and each picture, shape (len(pictures),). Hessel et al. (2021),
        with the factor that FID tables use. A prompt longer than CLIP reads is cut."""
        with torch.inference_mode():
            words = self._tokenizer([prompt], truncation=True, return_tensors="pt").to(self._model.device)
            text = _vector(self._model.get_text_features(**words))
            found = []
            for start in range(0, len(pictures), _BATCH):
                images = [Image.fromarray(pixels) for pixels in pictures[start : start + _BATCH]]
                inputs = self._processor(images=images, return_tensors="pt").to(self._model.device)
                cosines = torch.cosine_similarity(_vector(self._model.get_image_features(**inputs)), text)
                found.append(100 * cosines.clamp(min=0).double().cpu().numpy())
        scores: NDArray[np.float64] = np.concatenate(found)
        return scores


def _vector(found: Any) -> torch.Tensor:
    """Returns the projected vectors, which newer releases of transformers wrap."""
    vectors: torch.Tensor = found if isinstance(found, torch.Tensor) else found.pooler_output
    return vectors.float()
