"""Stage 3: what the language model reads, trained with noise on x."""

from __future__ import annotations

from typing import Final

import torch
import torch.nn.functional as F  # noqa: N812  the name torch's users know

from workers.generators.bottleneck.soft_prompt import SoftPrompt
from workers.training.bottleneck.heads import Sentences, draw_rows
from workers.training.stage import begin, steps

LARGEST_SIGMA: Final = 0.5
"""Noise levels are drawn up to this; two questions lie √2 apart."""
_BATCH = 512


def train_reading(
    points: Sentences, table: torch.Tensor, *, count: int, hidden: int, seed: int, threads: int
) -> SoftPrompt:
    """Returns a soft prompt trained to tell the intent of noisy points by cross-entropy: its posterior probabilities
    weight the table's entries."""
    generator = begin(seed, threads)
    x, labels = torch.from_numpy(points.features).float(), torch.from_numpy(points.intents)
    targets = torch.where(labels < 0, len(table) - 1, labels)
    # As likely as any one question: a greater share would take noisy questions for none of them.
    foreign = round(_BATCH / len(table))
    soft_prompt = SoftPrompt(x.shape[1], hidden, table)
    optimiser = torch.optim.AdamW(soft_prompt.layers.parameters(), lr=3e-3, weight_decay=1e-3)
    for step, bar in steps("reading", count, optimiser):
        rows = draw_rows(labels, _BATCH, foreign, generator)
        sigma = LARGEST_SIGMA * torch.rand((_BATCH, 1), generator=generator)
        noisy = x[rows] + sigma * torch.randn((_BATCH, x.shape[1]), generator=generator)
        loss = F.cross_entropy(soft_prompt.logits(noisy), targets[rows])
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        if step % 50 == 0:
            bar.set_postfix(loss=f"{loss.item():.4f}")
    return soft_prompt.eval()
