"""The Lipschitz picture model: python -m workers.training.lipschitz (`make train-lipschitz`).

From condition and style to picture by least squares, Lipschitz in the condition: after every step each weight becomes
the nearest matrix of spectral norm 1 or less (singular values above 1 are cut), and the last is scaled by √m·L.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import sys
import time
from pathlib import Path
from typing import Final

import torch
from safetensors.torch import save_file
from torch import nn

from workers.generators.diffusion.text_head import simplex_corners
from workers.generators.folders import LIPSCHITZ_CONFIG
from workers.generators.lipschitz.loading import WEIGHTS
from workers.training.pictures import DATA, SIZE, Garments, load_garments, tint
from workers.training.stage import begin, steps
from workers.training.vocabulary import COLOURS, GARMENTS

LIPSCHITZ: Final = 0.2
"""L in RMSE per unit of the condition. Mean pictures of two meanings differ by up to 0.255 times their distance, and by
0.211 times or less in 99 pairs of 100: the few furthest are drawn a little nearer together."""
STYLES: Final = 4
HIDDEN: Final = (256, 256, 256)
LARGEST_SIGMA: Final = 0.2
_BATCH = 256
_PIXELS = 3 * SIZE**2
_JUST_BELOW = 1 - 1e-6
"""Weights are stored in single precision, which must not bring a norm above 1 again."""
_CONFIG_OF: Final = {
    "description": "Fashion-MNIST garments in eight colours, 32×32, by a network with a proven Lipschitz constant",
    "revision": "1",
    "default_sigma": 0.1,
    "side": SIZE,
    "text_head": "../fashion-32/text_head",
    "judge": "../fashion-32/judge",
}


class Decoder(nn.Module):
    """The network of workers.generators.lipschitz.network, to be trained."""

    def __init__(self, width: int) -> None:
        super().__init__()
        sizes = (width, *HIDDEN, _PIXELS)
        self.weights = nn.ParameterList(nn.init.orthogonal_(torch.empty(b, a)) for a, b in itertools.pairwise(sizes))
        self.styles = nn.ParameterList(0.1 * torch.randn(b, STYLES) for b in sizes[1:])
        self.biases = nn.ParameterList(torch.zeros(b) for b in sizes[1:])
        self.scale = LIPSCHITZ * math.sqrt(_PIXELS)

    def forward(self, x: torch.Tensor, omega: torch.Tensor) -> torch.Tensor:
        """Returns pictures, shape (n, m), before the clamp to [0, 1]."""
        last = len(HIDDEN)
        for k, (weight, style, bias) in enumerate(zip(self.weights, self.styles, self.biases, strict=True)):
            x = x @ weight.T * (self.scale if k == last else 1.0) + omega @ style.T + bias
            if k < last:
                pairs = x.reshape(len(x), -1, 2)
                x = torch.stack([pairs.amax(-1), pairs.amin(-1)], dim=-1).flatten(1)
        return x

    @torch.no_grad()
    def project(self) -> None:
        """Replaces every weight by the nearest one of norm 1 or less: W V min(1, 1/s) Vᵀ, from the eigenvalues s² of
        WᵀW."""
        for weight in self.weights:
            squares, vectors = torch.linalg.eigh(weight.T @ weight)
            cut = squares.clamp(min=1.0).rsqrt()
            weight.copy_(weight @ (vectors * cut) @ vectors.T)

    @torch.no_grad()
    def tensors(self) -> dict[str, torch.Tensor]:
        """Returns what is shipped: single precision, every norm just below its limit, the scale in the last weight."""
        found = {}
        for k, (weight, style, bias) in enumerate(zip(self.weights, self.styles, self.biases, strict=True)):
            norm = float(torch.linalg.matrix_norm(weight.double(), 2))
            scale = (self.scale if k == len(HIDDEN) else 1.0) * _JUST_BELOW / max(1.0, norm)
            found[f"{k}.weight"] = (weight.double() * scale).float()
            found[f"{k}.style"], found[f"{k}.bias"] = style.detach().clone(), bias.detach().clone()
        return found


def train_lipschitz(data: Garments, *, count: int, seed: int, threads: int) -> Decoder:
    """Returns a decoder trained by least squares on pictures given condition and style, with noise on the condition."""
    generator = begin(seed, threads)
    corners = [torch.from_numpy(simplex_corners(len(names))).float() for names in (GARMENTS, COLOURS)]
    styles = styles_of(data)
    decoder = Decoder(sum(part.shape[1] for part in corners))
    optimiser = torch.optim.AdamW(decoder.parameters(), lr=2e-3, weight_decay=0.05)
    for step, bar in steps("lipschitz", count, optimiser):
        rows = torch.randint(len(data.kinds), (_BATCH,), generator=generator)
        colours = torch.randint(len(COLOURS), (_BATCH,), generator=generator)
        x = torch.cat([corners[0][data.kinds[rows]], corners[1][colours]], dim=1)
        sigma = LARGEST_SIGMA * torch.rand(len(x), 1, generator=generator)
        drawn = decoder(x + sigma * torch.randn(x.shape, generator=generator), styles[rows])
        wanted = (tint(data.grey[rows], colours).permute(0, 2, 3, 1).flatten(1) + 1) / 2
        loss = (drawn - wanted).square().mean()
        loss.backward()
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        decoder.project()
        if step % 20 == 0:
            bar.set_postfix(rmse=f"{loss.item() ** 0.5:.4f}")
    return decoder.eval()


def styles_of(data: Garments) -> torch.Tensor:
    """Returns ω of every picture, (n, STYLES): its first principal components within its garment, as normal scores.

    So ω has the same law for every garment and says nothing of which it is, and N(0, I) is close to that law.
    """
    styles = torch.zeros(len(data.kinds), STYLES)
    for kind in range(len(GARMENTS)):
        rows = (data.kinds == kind).nonzero()[:, 0]
        centred = data.grey[rows].flatten(1) - data.grey[rows].flatten(1).mean(0)
        components = torch.linalg.eigh(centred.T @ centred).eigenvectors[:, -STYLES:].flip(1)
        # A component's sign is arbitrary: let more of it mean a brighter picture of every garment.
        found = centred @ (components * components.sum(0).sign())
        ranks = found.argsort(0).argsort(0)
        styles[rows] = torch.special.ndtri((ranks + 0.5) / len(rows)).float()
    return styles


def main() -> int:
    """Trains and writes the folder."""
    parser = argparse.ArgumentParser(prog="python -m workers.training.lipschitz", description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("fashion-lipschitz-32"), help="a folder")
    parser.add_argument("--data", type=Path, default=DATA, help="the folder of Fashion-MNIST's four files")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1, help="part of what makes a run repeatable")
    parser.add_argument("--steps", type=int, default=2500)
    given = parser.parse_args()
    started = time.monotonic()
    try:
        data = load_garments(given.data, "train")
    except FileNotFoundError as error:
        print(f"training: {error}", file=sys.stderr)
        return 1
    decoder = train_lipschitz(data, count=given.steps, seed=given.seed, threads=given.threads)
    given.output.mkdir(parents=True, exist_ok=True)
    save_file(decoder.tensors(), given.output / WEIGHTS)
    config = json.dumps(_CONFIG_OF, indent=2, ensure_ascii=False)
    (given.output / LIPSCHITZ_CONFIG).write_text(config + "\n", encoding="utf-8")
    print(f"written to {given.output} in {(time.monotonic() - started) / 60:.1f} minutes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
