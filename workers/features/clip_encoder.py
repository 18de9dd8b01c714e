"""Pictures and texts in one space, by a transformers CLIP model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoConfig, AutoTokenizer, CLIPModel

from smoothgen.errors import InvalidClaim
from workers.features.vision_encoder import VisionEncoder, pooled
from workers.loading.broken_files import told_in_one_line


class ClipEncoder:
    """A PictureText: CLIP's two towers, each with its projection into their common space."""

    def __init__(self, pictures: VisionEncoder, tokenizer: Any) -> None:
        self._pictures, self._tokenizer = pictures, tokenizer
        self.name = pictures.name

    @classmethod
    def load(cls, source: str, device: str = "cpu") -> ClipEncoder:
        """Loads a CLIP model from a hub name or folder, safetensors only. Raises OSError naming the remedy."""
        with told_in_one_line(
            f"SMOOTHGEN_CLIP_MODEL={source!r} cannot be loaded",
            "give a folder or hub name of a CLIP model with safetensors, tokenizer and image processor",
        ):
            kind = AutoConfig.from_pretrained(source, trust_remote_code=False).model_type
            if kind != CLIPModel.config_class.model_type:
                raise OSError(
                    f"SMOOTHGEN_CLIP_MODEL={source!r} is a model of type {kind!r}, not 'clip': a text tower and an "
                    "image tower with projections into one space are needed"
                )
            tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
        return cls(VisionEncoder.load(source, device), tokenizer)

    def features(self, pictures: Sequence[NDArray[np.uint8]]) -> NDArray[np.float64]:
        """Returns the unit-norm embeddings of pictures, shape (len(pictures), width)."""
        return self._pictures.features(pictures)

    def text_feature(self, text: str) -> NDArray[np.float64]:
        """Returns the unit-norm embedding of a text, shape (width,). Raises InvalidClaim for one that is too long."""
        model = self._pictures.model
        ids = self._tokenizer(text, return_tensors="pt")
        count, longest = ids["input_ids"].shape[1], int(model.config.text_config.max_position_embeddings)
        if count > longest:
            raise InvalidClaim(
                f"the prompt has {count} tokens and the CLIP model reads {longest}, so score 'clip_similarity' would "
                "be about its beginning; shorten the prompt, or leave the claim out",
                field="robustness.claims",
            )
        with torch.inference_mode():
            raw = pooled(model.get_text_features(**ids.to(model.device)))[0].double().cpu().numpy()
        feature: NDArray[np.float64] = raw / np.linalg.norm(raw)
        return feature
