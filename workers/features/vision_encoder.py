"""Picture embeddings from any transformers vision model: CLIP, SigLIP, DINOv2, ViT and others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from transformers import AutoImageProcessor, AutoModel

from workers.loading.broken_files import told_in_one_line
from workers.loading.complete_weights import require_complete

_BATCH: Final = 32


class VisionEncoder:
    """A FeatureMap of pictures: a two-tower model's image embedding, or else the pooled (or mean) last state."""

    def __init__(self, model: Any, processor: Any, name: str) -> None:
        self._model, self._processor, self.name = model.eval(), processor, name

    @property
    def model(self) -> Any:
        """Returns the transformers model."""
        return self._model

    @classmethod
    def load(cls, source: str, device: str = "cpu") -> VisionEncoder:
        """Loads a model from a hub name or folder, safetensors only. Raises OSError naming the remedy."""
        with told_in_one_line(
            f"vision model {source!r} cannot be loaded",
            "give the name of a hub model this machine can reach, or a folder with safetensors and an image processor",
        ):
            processor = AutoImageProcessor.from_pretrained(source, trust_remote_code=False, backend="pil")
            model, report = AutoModel.from_pretrained(
                source, use_safetensors=True, trust_remote_code=False, output_loading_info=True
            )
            require_complete(repr(source), _without_head(model, report), "give an encoder with all its tensors")
        revision = getattr(model.config, "_commit_hash", None) or "local"
        return cls(model.to(device), processor, f"{source} ({revision})")

    def features(self, pictures: Sequence[NDArray[np.uint8]]) -> NDArray[np.float64]:
        """Returns the embeddings divided by their norm, shape (len(pictures), width)."""
        parts = [self._embed(pictures[start : start + _BATCH]) for start in range(0, len(pictures), _BATCH)]
        raw = np.concatenate(parts).astype(np.float64)
        with np.errstate(invalid="ignore", divide="ignore"):
            normalised: NDArray[np.float64] = raw / np.linalg.norm(raw, axis=1, keepdims=True)
        return normalised

    def _embed(self, pictures: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        images = [Image.fromarray(pixels) for pixels in pictures]
        inputs = self._processor(images=images, return_tensors="pt").to(self._model.device)
        with torch.inference_mode():
            if hasattr(self._model, "get_image_features"):
                found = self._model.get_image_features(**inputs)
            else:
                found = self._model(**inputs)
        embedding: NDArray[np.float32] = pooled(found).float().cpu().numpy()
        return embedding


def _without_head(model: Any, report: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the loading report without the tensors of a classifier's head, which features do not use."""
    own = {name for name, _ in model.named_children()} | {model.base_model_prefix}
    return {**report, "unexpected_keys": {k for k in report["unexpected_keys"] if k.partition(".")[0] in own}}


def pooled(found: Any) -> torch.Tensor:
    """Returns the one vector for each picture, which models call by different names."""
    if isinstance(found, torch.Tensor):
        return found
    pooled: torch.Tensor | None = getattr(found, "pooler_output", None)
    if pooled is not None:
        return pooled.flatten(1)
    states: torch.Tensor = found.last_hidden_state
    return states.mean(dim=1) if states.ndim == 3 else states.flatten(2).mean(dim=2)
