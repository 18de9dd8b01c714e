"""Tiny untrained Stable Diffusion pipelines, every component built from its configuration, in diffusers' own layout."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import (
    AsymmetricAutoencoderKL,
    AutoencoderKL,
    AutoencoderTiny,
    DDIMScheduler,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from diffusers.pipelines.stable_diffusion import StableDiffusionSafetyChecker
from PIL import Image
from tokenizers.pre_tokenizers import ByteLevel
from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from smoothgen.contracts import GenerateRequest, ImageParameters, JobResult, JobSpec
from tests.support.workers.jobs import SEED, Silent
from tests.support.workers.settings import CPU
from workers.distances import OutputMetric
from workers.distances.pixels import PixelRmse
from workers.generators import Generator, load_generator
from workers.generators.batching import Batcher
from workers.generators.diffusion import DiffusionModel
from workers.jobs.in_process import run_job

LONGEST, WIDTH, SIDE, LATENT = 77, 16, 16, (4, 8, 8)


def tokenizer(folder: Path) -> CLIPTokenizer:
    """One token a byte, and "ab": CLIP's own file format, with the bytes' two spellings and a single merge."""
    letters = sorted(ByteLevel.alphabet())
    words = [*letters, *(letter + "</w>" for letter in letters), "ab</w>", "<|startoftext|>", "<|endoftext|>"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps({word: k for k, word in enumerate(words)}), encoding="utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\na b</w>\n", encoding="utf-8")
    return CLIPTokenizer.from_pretrained(folder, model_max_length=LONGEST)


def text_encoder(vocabulary: int) -> CLIPTextModel:
    torch.manual_seed(1)
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=vocabulary,
            hidden_size=WIDTH,
            intermediate_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            max_position_embeddings=LONGEST,
            initializer_range=0.5,
            bos_token_id=vocabulary - 2,
            eos_token_id=vocabulary - 1,
            pad_token_id=vocabulary - 1,
        )
    )


def unet(**options: Any) -> UNet2DConditionModel:
    """Two resolutions, attention to the prompt at both, wide enough weights there that noise on it shows."""
    torch.manual_seed(2)
    network = UNet2DConditionModel(
        **{
            "sample_size": LATENT[1],
            "in_channels": LATENT[0],
            "out_channels": LATENT[0],
            "layers_per_block": 1,
            "block_out_channels": (8, 16),
            "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
            "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
            "cross_attention_dim": WIDTH,
            "attention_head_dim": 4,
            "norm_num_groups": 4,
            **options,
        }
    )
    with torch.no_grad():
        for name, weight in network.named_parameters():
            if "attn2" in name:
                weight.mul_(3)
    return network


def vae(latent_channels: int = LATENT[0]) -> AutoencoderKL:
    torch.manual_seed(3)
    return AutoencoderKL(
        block_out_channels=(8, 8),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=latent_channels,
        norm_num_groups=4,
        sample_size=SIDE,
    )


def small_vae(**options: Any) -> AutoencoderTiny:
    """An autoencoder without a distribution of latents."""
    torch.manual_seed(3)
    return AutoencoderTiny(
        encoder_block_out_channels=(8, 8),
        decoder_block_out_channels=(8, 8),
        num_encoder_blocks=(1, 1),
        num_decoder_blocks=(1, 1),
        latent_channels=LATENT[0],
        **options,
    )


def asymmetric_vae() -> AsymmetricAutoencoderKL:
    torch.manual_seed(3)
    return AsymmetricAutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 2,
        down_block_out_channels=(8, 8),
        up_block_types=("UpDecoderBlock2D",) * 2,
        up_block_out_channels=(8, 8),
        norm_num_groups=4,
        sample_size=SIDE,
    )


def safety_checker(threshold: float) -> dict[str, Any]:
    """Components of a pipeline that withholds pictures whose likeness to its concepts is above the threshold."""
    torch.manual_seed(5)
    vision = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    network = StableDiffusionSafetyChecker(
        CLIPConfig(projection_dim=8, vision_config={**vision, "image_size": SIDE, "patch_size": 8})
    )
    with torch.no_grad():
        for name, weight in network.named_parameters():
            if "patch_embedding" in name:
                weight.mul_(30)  # untrained, all pictures look alike to it
        network.concept_embeds.normal_()
        network.concept_embeds_weights.fill_(threshold)
        network.special_care_embeds_weights.fill_(2)
    extractor = CLIPImageProcessorPil(size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE})
    return {"safety_checker": network, "feature_extractor": extractor}


def with_inversion(folder: Path, vectors: int, *, grown: bool = True) -> dict[str, Any]:
    """Tokenizer and text encoder with a textual inversion "<cat>" of several vectors, as diffusers loads one.

    grown: whether the encoder has embeddings for them.
    """
    words = tokenizer(folder)
    network = text_encoder(len(words))
    words.add_tokens(["<cat>", *(f"<cat>_{k}" for k in range(1, vectors))])
    if grown:
        torch.manual_seed(6)
        network.resize_token_embeddings(len(words), mean_resizing=False)
    return {"tokenizer": words, "text_encoder": network}


def scheduler() -> DDIMScheduler:
    """Stable Diffusion's own."""
    return DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
    )


def pipeline(scratch: Path, **components: Any) -> StableDiffusionPipeline:
    """A whole pipeline; a component given as None is left out."""
    words = tokenizer(scratch)
    whole = {
        "tokenizer": words,
        "text_encoder": text_encoder(len(words)),
        "unet": unet(),
        "vae": vae(),
        "scheduler": scheduler(),
        "safety_checker": None,
        "feature_extractor": None,
        **components,
    }
    return StableDiffusionPipeline(**whole, requires_safety_checker=False)


def save(folder: Path, **components: Any) -> Path:
    """A folder as a model hub has it."""
    pipeline(folder / "scratch", **components).save_pretrained(folder / "model", safe_serialization=True)
    return folder / "model"


def load(folder: Path) -> DiffusionModel:
    """As production loads it."""
    model = load_generator(f"tiny={folder}", CPU)
    assert isinstance(model, DiffusionModel)
    return model


def bare(folder: Path) -> StableDiffusionPipeline:
    """The same folder as anybody's diffusers script loads it."""
    plain = StableDiffusionPipeline.from_pretrained(folder, safety_checker=None, feature_extractor=None)
    plain.set_progress_bar_config(disable=True)
    return plain


def parameters(**given: Any) -> ImageParameters:
    """Parameters as a gateway hands them on: no gaps."""
    filled = {
        "width": SIDE,
        "height": SIDE,
        "num_inference_steps": 3,
        "guidance_scale": 5.0,
        "scheduler": "DDIMScheduler",
        **({"strength": 0.8} if "image" in given else {}),
        **given,
    }
    return ImageParameters.model_validate(filled)


def seed_image(side: int = SIDE) -> str:
    """A picture that is nowhere the same, as base64."""
    ramp = np.linspace(0, 255, side)
    pixels = np.stack([np.broadcast_to(ramp, (side, side)), np.broadcast_to(ramp[:, None], (side, side))], axis=-1)
    pixels = np.concatenate([pixels, 255 - pixels[..., :1]], axis=-1).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def spec(asked: ImageParameters, *, mechanism: str = "embedding", sigma: float | None = 0.5, **given: Any) -> JobSpec:
    """A job on a picture model."""
    robustness = {"mechanism": mechanism, "samples": 8, "selection_samples": 3, "metric": "pixel-rmse", **given}
    tolerance = robustness.pop("tolerance", 0.2)
    request = GenerateRequest.model_validate(
        {"model": "tiny", "prompt": robustness.pop("prompt", "a red ab"), "robustness": robustness}
    )
    assert request.robustness.metric is not None
    return JobSpec(
        id="job-1",
        request=request,
        parameters=asked,
        sigma=sigma,
        metric=request.robustness.metric,
        tolerance=tolerance,
        seed=SEED,
        seed_origin="client",
        submitted_ms=1_760_000_000_000,
        tenant="anyone",
        retention_s=60,
    )


def run(job: JobSpec, generator: Generator, *, batch_size: int = 64, metric: OutputMetric | None = None) -> JobResult:
    return run_job(job, generator, metric or PixelRmse(), batcher=Batcher(batch_size), watch=Silent())
