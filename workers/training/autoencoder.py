"""Stage 1: an AutoencoderKL that turns a 32×32 picture into 4×8×8 latents and back."""

from __future__ import annotations

import torch
from diffusers import AutoencoderKL

from workers.training.pictures import SIZE, Garments, tint
from workers.training.stage import begin, steps
from workers.training.vocabulary import COLOURS

_KL_WEIGHT = 1e-5
BATCH = 32


def train_autoencoder(data: Garments, *, count: int, seed: int, threads: int) -> AutoencoderKL:
    """Trains on random garments in random colours; `scaling_factor` brings the latents to unit variance."""
    generator = begin(seed, threads)
    model = AutoencoderKL(
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        block_out_channels=(16, 32, 64),
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=8,
        mid_block_add_attention=False,
        sample_size=SIZE,
    )
    optimiser = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=1e-4)
    for step, bar in steps("autoencoder", count, optimiser):
        pictures = random_pictures(data, generator)
        posterior = model.encode(pictures).latent_dist
        again = model.decode(posterior.sample(generator)).sample
        difference = again - pictures
        loss = difference.abs().mean() + difference.square().mean() + _KL_WEIGHT * posterior.kl().mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        if step % 20 == 0:
            bar.set_postfix(rmse=f"{difference.detach().square().mean().sqrt().item() / 2:.4f}")
    model.eval()
    with torch.inference_mode():
        sample = torch.cat([model.encode(random_pictures(data, generator)).latent_dist.mode() for _ in range(16)])
    model.register_to_config(scaling_factor=round(1 / sample.std().item(), 5))
    return model


def random_pictures(data: Garments, generator: torch.Generator) -> torch.Tensor:
    """Returns a batch of garments in colours, both uniform."""
    rows = torch.randint(len(data.kinds), (BATCH,), generator=generator)
    return tint(data.grey[rows], torch.randint(len(COLOURS), (BATCH,), generator=generator))
