"""The conditional GAN that baselines are measured on: python -m workers.training.gan (`make train-gan`).

A hinge loss, spectral normalisation and a projection of the condition in the discriminator (Miyato et al. 2018; Miyato
& Koyama 2018), on the pictures and conditions of the shipped diffusion model. As there, the condition carries noise in
training, the usual augmentation; --sigma 0 trains without.
"""

from __future__ import annotations

import argparse
import copy
import sys
import time
from pathlib import Path
from typing import Final

import torch
import torch.nn.functional as F  # noqa: N812  the name torch's users know
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from workers.generators.diffusion.text_head import simplex_corners
from workers.generators.gan.network import GanNetwork
from workers.training.denoiser import LARGEST_SIGMA
from workers.training.pictures import DATA, Garments, load_garments, tint
from workers.training.stage import begin, steps
from workers.training.vocabulary import COLOURS, GARMENTS

STYLES: Final = 16
_BATCH: Final = 64
_RATES: Final = {"generator": 1e-3, "discriminator": 1e-3}
_KEPT: Final = 0.995
"""The share of the averaged generator that a step keeps: what is served is an average of the last few hundred steps."""
_CONFIG: Final = {
    "revision": "1",
    "default_sigma": 0.2,
    "text_head": "../fashion-32/text_head",
    "judge": "../fashion-32/judge",
}
_DESCRIPTION: Final = "Fashion-MNIST garments in eight colours, 32×32, by a conditional GAN trained {how}"


class Discriminator(nn.Module):
    """The network from pictures (n, 3, 32, 32) and conditions (n, width) to scores, high for pairs of the data."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            spectral_norm(nn.Conv2d(3, 24, 4, stride=2, padding=1)),
            nn.LeakyReLU(0.2),
            spectral_norm(nn.Conv2d(24, 48, 4, stride=2, padding=1)),
            nn.LeakyReLU(0.2),
            spectral_norm(nn.Conv2d(48, 96, 4, stride=2, padding=1)),
            nn.LeakyReLU(0.2),
            nn.Flatten(),
            spectral_norm(nn.Linear(96 * 16, 128)),
            nn.LeakyReLU(0.2),
        )
        self.score = spectral_norm(nn.Linear(128, 1))
        self.projection = spectral_norm(nn.Linear(width, 128, bias=False))

    def forward(self, pictures: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """Returns the scores, shape (n,)."""
        features = self.convolutions(pictures)
        scores: torch.Tensor = self.score(features)[:, 0] + (features * self.projection(x)).sum(1)
        return scores


def train_gan(data: Garments, *, sigma: float, count: int, seed: int, threads: int) -> GanNetwork:
    """Returns the averaged generator. sigma: noise levels on its condition are drawn uniformly from [0, sigma]."""
    generator = begin(seed, threads)
    corners = [torch.from_numpy(simplex_corners(len(names))).float() for names in (GARMENTS, COLOURS)]
    network = GanNetwork(sum(part.shape[1] for part in corners), STYLES)
    discriminator = Discriminator(network.width)
    kept = copy.deepcopy(network).requires_grad_(False)
    betas = (0.0, 0.99)
    of_network = torch.optim.Adam(network.parameters(), lr=_RATES["generator"], betas=betas)
    of_discriminator = torch.optim.Adam(discriminator.parameters(), lr=_RATES["discriminator"], betas=betas)

    def drawn(x: torch.Tensor) -> torch.Tensor:
        level = sigma * torch.rand(len(x), 1, generator=generator)
        noisy = x + level * torch.randn(x.shape, generator=generator)
        pictures: torch.Tensor = network(noisy, torch.randn(len(x), STYLES, generator=generator))
        return pictures

    for step, bar in steps("gan", count, of_network):
        of_discriminator.param_groups[0]["lr"] = of_network.param_groups[0]["lr"]
        rows = torch.randint(len(data.kinds), (_BATCH,), generator=generator)
        colours = torch.randint(len(COLOURS), (_BATCH,), generator=generator)
        x = torch.cat([corners[0][data.kinds[rows]], corners[1][colours]], dim=1)
        made = drawn(x)
        true, false = discriminator(tint(data.grey[rows], colours), x), discriminator(made.detach(), x)
        told = F.relu(1 - true).mean() + F.relu(1 + false).mean()
        of_discriminator.zero_grad(set_to_none=True)
        told.backward()  # type: ignore[no-untyped-call]
        of_discriminator.step()
        loss = -discriminator(made, x).mean()
        of_network.zero_grad(set_to_none=True)
        loss.backward()
        of_network.step()
        _average(kept, network, first=step == 0)
        if step % 20 == 0:
            bar.set_postfix(told_apart=f"{((true > 0).float().mean() + (false < 0).float().mean()).item() / 2:.3f}")
    return kept.eval()


@torch.no_grad()
def _average(kept: GanNetwork, network: GanNetwork, *, first: bool) -> None:
    """Moves the averaged generator towards the trained one; all the way at the first step."""
    share = 1.0 if first else 1 - _KEPT
    for name, tensor in network.state_dict().items():
        mean = kept.state_dict()[name]
        mean.copy_(torch.lerp(mean, tensor, share) if tensor.is_floating_point() else tensor)


def main() -> int:
    """Trains and writes the folder."""
    parser = argparse.ArgumentParser(prog="python -m workers.training.gan", description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("fashion-gan-32"), help="a folder")
    parser.add_argument("--data", type=Path, default=DATA, help="the folder of Fashion-MNIST's four files")
    parser.add_argument("--sigma", type=float, default=LARGEST_SIGMA, help="largest on the condition in training")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1, help="part of what makes a run repeatable")
    parser.add_argument("--steps", type=int, default=2000)
    given = parser.parse_args()
    started = time.monotonic()
    try:
        data = load_garments(given.data, "train")
    except FileNotFoundError as error:
        print(f"training: {error}", file=sys.stderr)
        return 1
    network = train_gan(data, sigma=given.sigma, count=given.steps, seed=given.seed, threads=given.threads)
    how = f"with noise of sigma up to {given.sigma:g} on its condition" if given.sigma else "without noise"
    network.save(given.output, {"description": _DESCRIPTION.format(how=how), **_CONFIG})
    print(f"written to {given.output} in {(time.monotonic() - started) / 60:.1f} minutes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
