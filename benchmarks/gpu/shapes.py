"""Models of known shapes with random weights, in the folders that a worker loads. Nothing is fetched."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from tokenizers.pre_tokenizers import ByteLevel
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTokenizer,
    GPT2Config,
    GPT2LMHeadModel,
    PreTrainedTokenizerFast,
)


@dataclass(frozen=True)
class Shape:
    """A model to measure. write: saves it into a folder. batches: the sizes that are measured, in ascending order."""

    name: str
    picture: bool
    write: Callable[[Path], None]
    batches: tuple[int, ...]


def stable_diffusion(folder: Path) -> None:
    """Stable Diffusion v1.5: the configuration of its U-Net is diffusers' default but for the width of the prompt."""
    _save_pipeline(
        folder,
        UNet2DConditionModel(sample_size=64, cross_attention_dim=768, attention_head_dim=8),
        AutoencoderKL(
            block_out_channels=(128, 256, 512, 512),
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            latent_channels=4,
            layers_per_block=2,
            sample_size=512,
        ),
        CLIPTextConfig(vocab_size=49408, hidden_size=768, intermediate_size=3072, num_hidden_layers=12,
                       num_attention_heads=12),
    )  # fmt: skip


def tiny_diffusion(folder: Path) -> None:
    """The same classes, 16 pixels wide."""
    _save_pipeline(
        folder,
        UNet2DConditionModel(
            sample_size=8,
            layers_per_block=1,
            block_out_channels=(8, 16),
            down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
            cross_attention_dim=16,
            attention_head_dim=4,
            norm_num_groups=4,
        ),
        AutoencoderKL(
            block_out_channels=(8, 8),
            down_block_types=("DownEncoderBlock2D",) * 2,
            up_block_types=("UpDecoderBlock2D",) * 2,
            norm_num_groups=4,
            sample_size=16,
        ),
        CLIPTextConfig(
            vocab_size=600, hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2
        ),
    )


def gpt2(width: int, layers: int, heads: int, vocabulary: int = 50257) -> Callable[[Path], None]:
    """A GPT-2 of this shape."""

    def write(folder: Path) -> None:
        words = _words(vocabulary)
        config = GPT2Config(
            vocab_size=vocabulary, n_embd=width, n_layer=layers, n_head=heads, bos_token_id=0, eos_token_id=0
        )
        torch.manual_seed(1)
        GPT2LMHeadModel(config).to(torch.bfloat16).save_pretrained(folder)
        words.save_pretrained(folder)

    return write


SHAPES = (
    Shape("Stable Diffusion v1.5", True, stable_diffusion, (4, 16)),
    Shape("GPT-2 medium", False, gpt2(1024, 24, 16), (16, 64)),
    Shape("GPT-2, 1.3 billion", False, gpt2(2048, 24, 16), (16, 64)),
)
TINY = (
    Shape("tiny diffusion", True, tiny_diffusion, (2,)),
    Shape("tiny GPT-2", False, gpt2(16, 2, 2, vocabulary=400), (2,)),
)


def _save_pipeline(folder: Path, unet: UNet2DConditionModel, vae: AutoencoderKL, text: CLIPTextConfig) -> None:
    letters = sorted(ByteLevel.alphabet())
    words = [*letters, *(letter + "</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    scratch = folder / "words"
    scratch.mkdir(parents=True)
    (scratch / "vocab.json").write_text(json.dumps({word: k for k, word in enumerate(words)}), encoding="utf-8")
    (scratch / "merges.txt").write_text("#version: 0.2\n", encoding="utf-8")
    text.bos_token_id, text.eos_token_id, text.pad_token_id = len(words) - 2, len(words) - 1, len(words) - 1
    torch.manual_seed(1)
    StableDiffusionPipeline(
        vae=vae.to(torch.bfloat16),
        text_encoder=CLIPTextModel(text).to(torch.bfloat16),
        tokenizer=CLIPTokenizer.from_pretrained(scratch, model_max_length=77),
        unet=unet.to(torch.bfloat16),
        scheduler=DDIMScheduler(
            beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False, steps_offset=1
        ),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(folder)


def _words(count: int) -> PreTrainedTokenizerFast:
    """A tokenizer of as many tokens: the bytes, and words that no text is split into."""
    tokens = ["<|endoftext|>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    tokens += [f"word{k}" for k in range(count - len(tokens))]
    bpe = Tokenizer(models.BPE(vocab={token: k for k, token in enumerate(tokens)}, merges=[]))
    bpe.pre_tokenizer, bpe.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token="<|endoftext|>", pad_token="<|endoftext|>")
