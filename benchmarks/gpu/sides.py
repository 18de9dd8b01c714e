"""The two sides that are compared: a worker's generator, and the bare library on the same network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline
from transformers import GenerationConfig, GPT2LMHeadModel

from benchmarks.gpu.shapes import Shape
from smoothgen.contracts import ImageParameters, Parameters, TextParameters
from smoothgen.noise import Seed, Stream
from workers.generators import Draw, Failure, Made, Smoothing, load_generator
from workers.generators.diffusion import DiffusionModel
from workers.generators.language.adapter import LanguageModel
from workers.settings import Settings

PROMPT = "The capital of France is"
GUIDANCE = 7.5
SEED = Seed(1, "server")


class Side(Protocol):
    """Draws samples. passes: how often its network was called, one call after the other."""

    passes: int

    def draw(self, rows: Sequence[int]) -> Sequence[object]:
        """Returns one output for each row."""
        ...


class Counted:
    """A side that counts the calls of its network."""

    def __init__(self, network: Any) -> None:
        self.passes = 0
        network.register_forward_hook(self._count)

    def _count(self, *_: object) -> None:
        self.passes += 1


class Worker(Counted):
    """The generator as a worker loads it, with the noise of each sample."""

    def __init__(self, shape: Shape, folder: Path, settings: Settings, steps: int) -> None:
        generator: Any = load_generator(f"measured={folder}", settings)
        assert isinstance(generator, DiffusionModel if shape.picture else LanguageModel)
        self._parameters = picture_parameters(generator, steps) if shape.picture else text_parameters(steps)
        smoothing = Smoothing("embedding", generator.default_sigma, Draw(SEED, Stream.GENERATOR_COMMON, 0))
        self._generator, self._condition = generator, generator.condition(PROMPT, self._parameters, smoothing)
        super().__init__(generator._text_to_image.unet if shape.picture else generator.network)

    def draw(self, rows: Sequence[int]) -> Sequence[Made | Failure]:
        noise = self._condition.mechanism.draw(SEED, Stream.CERTIFICATION, rows, self._condition.embedding.shape)
        draws = [Draw(SEED, Stream.GENERATOR, row) for row in rows]
        outputs: Sequence[Made | Failure] = self._generator.generate(self._condition, noise, draws, self._parameters)
        return outputs


class BarePictures(Counted):
    """diffusers' pipeline, and nothing around it."""

    def __init__(self, folder: Path, device: str, dtype: torch.dtype, steps: int) -> None:
        self._pipeline = StableDiffusionPipeline.from_pretrained(
            folder, dtype=dtype, safety_checker=None, requires_safety_checker=False
        ).to(device)
        self._pipeline.set_progress_bar_config(disable=True)
        self._pipeline.scheduler = DDIMScheduler.from_config(self._pipeline.scheduler.config)
        self._steps = steps
        super().__init__(self._pipeline.unet)

    def draw(self, rows: Sequence[int]) -> Sequence[object]:
        unet = self._pipeline.unet
        width = unet.config.cross_attention_dim
        prompts = torch.randn(len(rows), 77, width, device=unet.device, dtype=unet.dtype)
        made: Sequence[object] = self._pipeline(
            prompt_embeds=prompts,
            negative_prompt_embeds=torch.zeros_like(prompts),
            num_inference_steps=self._steps,
            guidance_scale=GUIDANCE,
            output_type="np",
        ).images
        return made


class BareTexts(Counted):
    """transformers' `generate`, and nothing around it."""

    def __init__(self, folder: Path, device: str, dtype: torch.dtype, steps: int) -> None:
        self._network: Any = GPT2LMHeadModel.from_pretrained(folder, dtype=dtype).to(device).eval()
        self._network.generation_config = GenerationConfig()
        self._config = GenerationConfig(max_new_tokens=steps, do_sample=False, pad_token_id=0)
        super().__init__(self._network)

    def draw(self, rows: Sequence[int]) -> Sequence[object]:
        network = self._network
        shape = (len(rows), len(PROMPT), network.config.n_embd)  # the tokenizer has a token for every byte
        x = torch.randn(*shape, device=network.device, dtype=network.dtype)
        mask = torch.ones(shape[:2], dtype=torch.long, device=network.device)
        with torch.inference_mode():
            made: Sequence[object] = network.generate(
                inputs_embeds=x, attention_mask=mask, generation_config=self._config
            )
        return made


def bare_side(shape: Shape, folder: Path, device: str, dtype: torch.dtype, steps: int) -> Side:
    """The bare library's side."""
    return (BarePictures if shape.picture else BareTexts)(folder, device, dtype, steps)


def picture_parameters(model: DiffusionModel, steps: int) -> Parameters:
    card = model.image
    return ImageParameters(
        num_inference_steps=steps,
        guidance_scale=GUIDANCE,
        width=card.width,
        height=card.height,
        scheduler="DDIMScheduler",
    )


def text_parameters(steps: int) -> Parameters:
    return TextParameters(max_new_tokens=steps)
