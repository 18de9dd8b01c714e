"""The tools that all training stages use: a seed, an optimiser's schedule, a progress bar."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from tqdm import tqdm


def begin(seed: int, threads: int) -> torch.Generator:
    """Makes what follows a function of the seed (on one kind of processor), and returns the stage's own generator."""
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(seed)
    return torch.Generator().manual_seed(seed)


def steps(name: str, count: int, optimiser: torch.optim.Optimizer) -> Iterator[tuple[int, tqdm[int]]]:
    """Yields the steps under a progress bar, with a learning rate that warms up over 3 % and falls along a cosine to a
    hundredth."""
    peak = [group["lr"] for group in optimiser.param_groups]
    warm_up = max(1, round(0.03 * count))
    bar = tqdm(range(count), desc=name, unit="step", smoothing=0.02)
    for step in bar:
        share = max(0.0, (step - warm_up) / max(1, count - warm_up))
        scale = min((step + 1) / warm_up, 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * share)))
        for group, lr in zip(optimiser.param_groups, peak, strict=True):
            group["lr"] = lr * scale
        yield step, bar
