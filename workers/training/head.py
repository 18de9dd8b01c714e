"""Stage 2: the text head, on frozen sentence embeddings of captions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  the name torch's users know
from tqdm import tqdm

from workers.features import FeatureMap
from workers.generators.diffusion.text_head import TextHead, TextHeadConfig
from workers.training.captions import UNPLACED, Caption
from workers.training.stage import begin, steps
from workers.training.vocabulary import COLOURS, GARMENTS

_BATCH = 512
_JITTER = 0.025
"""Noise a coordinate on the unit-norm sentence embeddings: words never seen lie between those that were."""


def train_head(encoder: FeatureMap, captions: Sequence[Caption], *, count: int, seed: int, threads: int) -> TextHead:
    """Returns a head trained by cross-entropy to the named corner, or to the class of a part that says nothing."""
    generator = begin(seed, threads)
    sentences = _embed(encoder, [caption.text for caption in captions])
    head = TextHead(
        TextHeadConfig(
            encoder=encoder.name,
            encoder_width=sentences.shape[1],
            hidden_width=512,
            parts={"garment": list(GARMENTS), "colour": list(COLOURS)},
        )
    )
    targets = (
        _targets([caption.garment for caption in captions], len(GARMENTS)),
        _targets([caption.colour for caption in captions], len(COLOURS)),
    )
    optimiser = torch.optim.AdamW(head.parameters(), lr=2e-3, weight_decay=1e-2)
    for step, bar in steps("text head", count, optimiser):
        rows = torch.randint(len(captions), (_BATCH,), generator=generator)
        noisy = sentences[rows] + _JITTER * torch.randn((_BATCH, sentences.shape[1]), generator=generator)
        logits = head(F.normalize(noisy, dim=-1))
        loss = sum(
            (F.cross_entropy(part, target[rows]) for part, target in zip(logits, targets, strict=True)),
            start=torch.zeros(()),
        )
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        if step % 20 == 0:
            bar.set_postfix(loss=f"{loss.item():.4f}")
    return head.eval()


def _embed(encoder: FeatureMap, texts: Sequence[str]) -> torch.Tensor:
    size = 1024
    parts = [
        encoder.features(texts[start : start + size])
        for start in tqdm(range(0, len(texts), size), desc="captions", unit="kcaption")
    ]
    return torch.from_numpy(np.concatenate(parts)).float()


def _targets(classes: Sequence[int], count: int) -> torch.Tensor:
    return torch.tensor([count if index == UNPLACED else index for index in classes])
