"""Stage 3: the U-Net, trained with noise on its condition so that it stays itself under smoothing."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  the name torch's users know
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from tqdm import tqdm

from workers.generators.diffusion.text_head import simplex_corners
from workers.training.pictures import Garments, tint
from workers.training.stage import begin, steps
from workers.training.vocabulary import COLOURS, GARMENTS

LARGEST_SIGMA = 0.5
"""Noise levels on the condition are drawn uniformly from [0, this]: the range the model is served over."""
_BATCH = 64
_TINTS = 2
"""Colours every garment is encoded in beforehand; which ones is drawn anew for each garment."""
_FORGET_ALL, _FORGET_ONE = 0.1, 0.05
"""Shares of pictures whose whole condition is 0 (for guidance), or one part of it ("a sneaker", "something red")."""
_EMA = 0.9995


def train_denoiser(
    data: Garments, autoencoder: AutoencoderKL, *, count: int, seed: int, threads: int
) -> tuple[UNet2DConditionModel, DDIMScheduler]:
    """Returns a U-Net trained by velocity prediction (Salimans & Ho 2022) on latents, and its scheduler; the weights
    are an exponential mean over the steps."""
    generator = begin(seed, threads)
    latents, garments, colours = _encode(data, autoencoder, generator)
    corners = [torch.from_numpy(simplex_corners(len(names))).float() for names in (GARMENTS, COLOURS)]
    width = sum(part.shape[1] for part in corners)
    unet = UNet2DConditionModel(
        sample_size=latents.shape[-1],
        in_channels=latents.shape[1],
        out_channels=latents.shape[1],
        # Attention where the picture is 4×4: at 8×8 it costs more than all the rest and draws no better.
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        mid_block_type="UNetMidBlock2DCrossAttn",
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        block_out_channels=(32, 96),
        layers_per_block=1,
        cross_attention_dim=width,
        attention_head_dim=32,
        norm_num_groups=16,
    )
    scheduler = DDIMScheduler(
        beta_schedule="scaled_linear",
        beta_start=0.00085,
        beta_end=0.012,
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
        prediction_type="v_prediction",
    )
    mean = copy.deepcopy(unet).requires_grad_(False)
    optimiser = torch.optim.AdamW(unet.parameters(), lr=1e-3, weight_decay=1e-3)
    smoothed = 1.0
    for step, bar in steps("denoiser", count, optimiser):
        rows = torch.randint(len(latents), (_BATCH,), generator=generator)
        clean = latents[rows]
        condition = _condition(corners, garments[rows], colours[rows], generator)
        noise = torch.randn(clean.shape, generator=generator)
        times = torch.randint(scheduler.config.num_train_timesteps, (_BATCH,), generator=generator)
        noisy = scheduler.add_noise(clean, noise, times)
        velocity = scheduler.get_velocity(clean, noise, times)
        loss = F.mse_loss(unet(noisy, times, condition[:, None]).sample, velocity)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(unet.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        with torch.no_grad():
            decay = min(_EMA, (step + 1) / (step + 20))
            for slow, fast in zip(mean.parameters(), unet.parameters(), strict=True):
                slow.lerp_(fast, 1 - decay)
        smoothed += 0.01 * (loss.item() - smoothed)
        if step % 20 == 0:
            bar.set_postfix(loss=f"{smoothed:.4f}")
    return mean.eval(), scheduler


def _condition(
    corners: Sequence[torch.Tensor],
    garments: torch.Tensor,
    colours: torch.Tensor,
    generator: torch.Generator,
) -> torch.Tensor:
    """Returns noisy points of the two simplices, shape (batch, width), some of them forgotten in part or whole."""
    batch = len(garments)
    fate = torch.rand(batch, 1, generator=generator)
    keep_garment = fate >= _FORGET_ALL + _FORGET_ONE
    keep_colour = (fate >= _FORGET_ALL + 2 * _FORGET_ONE) | ((fate >= _FORGET_ALL) & ~keep_garment)
    point = torch.cat([corners[0][garments] * keep_garment, corners[1][colours] * keep_colour], dim=-1)
    sigma = LARGEST_SIGMA * torch.rand(batch, 1, generator=generator)
    noisy = point + sigma * torch.randn(point.shape, generator=generator)
    return noisy * (fate >= _FORGET_ALL)  # guidance compares with an exact 0, so that one carries no noise


def _encode(
    data: Garments, autoencoder: AutoencoderKL, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Returns latents of every garment in a few colours, (n, 4, 8, 8) of unit variance, with their classes."""
    order = np.tile(np.arange(len(data.kinds)), _TINTS)
    colours = torch.randint(len(COLOURS), (len(order),), generator=generator)
    parts = []
    with torch.inference_mode():
        for start in tqdm(range(0, len(order), 256), desc="latents", unit="batch"):
            rows = order[start : start + 256]
            pictures = tint(data.grey[rows], colours[start : start + 256])
            parts.append(autoencoder.encode(pictures).latent_dist.mode() * autoencoder.config.scaling_factor)
    return torch.cat(parts).clone(), data.kinds[order], colours
