"""A Stable Diffusion pipeline as a Generator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import numpy as np
import torch
from diffusers import StableDiffusionPipeline
from numpy.typing import NDArray
from PIL import Image

from smoothgen.certificates import ModelIdentity
from smoothgen.contracts import ImageCard, ImageParameters, Parameters
from smoothgen.errors import InvalidParameters, UnknownName
from smoothgen.images import decode_image
from smoothgen.mechanisms import (
    ForwardDiffusion,
    Gaussian,
    GaussianPerStep,
    LatentSchedule,
    Mechanism,
    Shape,
    ShapedGaussian,
)
from workers.features.picture_classifier import PictureClassifier
from workers.generators.conditions import Condition, Draw, Smoothing
from workers.generators.differentiable import SmoothMap
from workers.generators.diffusion.decoding import Decoded, SafetyChecker, decode, encode, pictures
from workers.generators.diffusion.pipelines import FromLatents
from workers.generators.diffusion.placement import (
    ForwardNoise,
    FreshEmbedding,
    HeldEmbedding,
    Inputs,
    Placement,
    ScheduledLatent,
    Start,
    step_end,
)
from workers.generators.diffusion.prompts import PromptEncoder
from workers.generators.diffusion.randomness import latent_noise, sampler_generators
from workers.generators.diffusion.schedulers import new_scheduler, offered_schedulers
from workers.generators.outputs import Failure, Made
from workers.generators.protocol import OutputKind
from workers.progress import made_progress

SHAPED: Final = "embedding-shaped"
"""The mechanism that is offered where a shape was learnt for the model (`workers.stored.shapes`)."""


@dataclass(frozen=True)
class Prepared:
    """The private part of a condition. `steps` is the number of network calls, a scheduler's extra one included."""

    placement: Placement
    unconditional: NDArray[np.float32]
    steps: int


class DiffusionModel:
    """Text-to-image and image-to-image with noise on the prompt embedding, the latent or the seed image.

    Whatever of the prompt reaches the picture goes through `prompt_embeds`; `pipelines.require_known_paths` refuses a
    network with another way in.
    """

    output_kind: OutputKind = "picture"
    for_learning = False
    batch_sensitivity: float | None = None
    """In 16 bits: the share of probe rows whose picture changed with the batch size when the model was loaded."""
    compiled = False
    """Whether torch has compiled the networks. The loader of the model says so."""
    always_offered: ClassVar = ("embedding", "embedding-per-step", "latent-schedule", "img2img")

    def __init__(
        self,
        pipeline: StableDiffusionPipeline,
        prompts: PromptEncoder,
        *,
        identity: ModelIdentity,
        description: str,
        default_sigma: float,
        default_betas: dict[str, float],
        image: dict[str, Any],
        classifier: PictureClassifier | None = None,
        shape: Shape | None = None,
        checker: SafetyChecker | None = None,
    ) -> None:
        self._text_to_image, self._prompts, self._checker = pipeline, prompts, checker
        self._image_to_image = FromLatents(**pipeline.components, requires_safety_checker=False)
        # Else it takes latents of any other depth than 4 for pictures, and normalises them.
        self._image_to_image.image_processor.register_to_config(vae_latent_channels=pipeline.unet.config.in_channels)
        for each in (self._text_to_image, self._image_to_image):
            each.set_progress_bar_config(disable=True)
        self._schedule = pipeline.scheduler.config
        self.identity, self.description = identity, description
        self.default_sigma, self.default_betas = default_sigma, default_betas
        self.classifier, self._shape = classifier, shape
        self.mechanisms = self.always_offered if shape is None else ("embedding", SHAPED, *self.always_offered[1:])
        self.longest_prompt_tokens, self.largest_dimension = prompts.longest_tokens, prompts.dimension
        for network in (pipeline.unet, pipeline.vae):  # step by step
            network.register_forward_hook(made_progress)
        self.precision = str(pipeline.unet.dtype).removeprefix("torch.")
        side = pipeline.unet.config.sample_size * pipeline.vae_scale_factor
        self.image = ImageCard(
            **{
                "width": side,
                "height": side,
                "smallest_side": min(64, side),
                "largest_side": 2 * side,
                "num_inference_steps": 25,
                "guidance_scale": 7.5,
                "strength": 0.8,
                "scheduler": type(pipeline.scheduler).__name__,
                "schedulers": offered_schedulers(pipeline.scheduler),
                **image,
            }
        )

    def condition(self, prompt: str, parameters: Parameters, smoothing: Smoothing) -> Condition:
        """Embeds the prompt, and the seed image where there is one. Raises InvalidPrompt, InvalidParameters."""
        asked = image_parameters(parameters)
        prompted = self._prompts.encode(prompt, asked.negative_prompt)
        start, steps = self._start(asked)
        mechanism, placement = _place(smoothing, prompted.embedding, start, steps, self._shape)
        unconditional = f"unconditional embedding ({'negative prompt' if asked.negative_prompt else 'empty prompt'})"
        if isinstance(placement, HeldEmbedding | FreshEmbedding):
            attack_on = self._prompts.attack_on
            held_fixed = [unconditional, *(["seed image"] if start.seed is not None else [])]
        else:
            attack_on = "initial latent" if start.seed is None else "seed image's latent"
            held_fixed = ["prompt", unconditional]
        return Condition(
            placement.x,
            attack_on=attack_on,
            mechanism=mechanism,
            held_fixed=tuple(held_fixed),
            random=True,
            notes=prompted.notes,
            mixes=None if placement.mixes is None else (placement.mixes, placement.x.shape),
            private=Prepared(placement, prompted.unconditional, steps),
        )

    def generate(
        self, condition: Condition, noise: NDArray[np.float64], draws: Sequence[Draw], parameters: Parameters
    ) -> Sequence[Made | Failure]:
        """Makes one pipeline call for the whole batch. A row that is not finite fails alone."""
        return pictures(self.decoded(condition, noise, draws, parameters), self._checker)

    def decoded(
        self, condition: Condition, noise: NDArray[np.float64], draws: Sequence[Draw], parameters: Parameters
    ) -> Decoded:
        """Returns the batch's last latents and the pixels decoded from them, before anything is clamped."""
        asked, prepared = image_parameters(parameters), condition.private
        inputs = prepared.placement.inputs(condition, noise, draws)
        with torch.inference_mode():
            read = self._tensor(inputs.embeddings), self._tensor(inputs.latents)
            return self._drawn(asked, prepared, inputs, read, draws)

    def smooth_map(self, condition: Condition, draw: Draw, parameters: Parameters) -> SmoothMap:
        """Returns the map from the prompt embedding, or under img2img the seed image's latent, to pixels in [0, 1],
        before they are rounded to 8 bits or withheld by a safety checker. Raises InvalidParameters for other noise.
        """
        asked, prepared, placement = image_parameters(parameters), condition.private, condition.private.placement
        if not isinstance(placement, HeldEmbedding | ForwardNoise):
            raise InvalidParameters(
                "a picture model is differentiated by its prompt embedding; use mechanism 'embedding'",
                field="robustness.lipschitz_estimate",
            )

        def call(x: torch.Tensor) -> torch.Tensor:
            draws = [draw] * len(x)
            zeros = np.zeros((len(x), *condition.embedding.shape))
            inputs = placement.inputs(condition, zeros, draws)
            unet = self._text_to_image.unet
            given = x.to(unet.dtype).to(unet.device)
            read = placement.read(given, self._tensor(inputs.embeddings), self._tensor(inputs.latents))
            return self._drawn(asked, prepared, inputs, read, draws, gradients=True).clamped.cpu()

        values = 3 * int(asked.width or 0) * int(asked.height or 0)
        return SmoothMap(call, values**-0.5, "pixel RMSE per l2 unit of the embedding")

    def _drawn(
        self,
        asked: ImageParameters,
        prepared: Prepared,
        inputs: Inputs,
        read: tuple[torch.Tensor, torch.Tensor],
        draws: Sequence[Draw],
        *,
        gradients: bool = False,
    ) -> Decoded:
        """Makes one pipeline call and decodes its latents. read: prompt embeddings, and the latents of the start."""
        pipeline, (embeddings, latents) = self._pipeline_for(asked), read
        run: Any = type(pipeline).__call__
        if gradients:
            run = run.__wrapped__  # as diffusers decorates it, it switches them off
        unconditional = np.broadcast_to(prepared.unconditional, (len(embeddings), *prepared.unconditional.shape))
        ended: torch.Tensor = run(
            pipeline,
            **{"latents" if asked.image is None else "image": latents},
            **({} if asked.image is None else {"strength": asked.strength}),
            **({} if asked.image is not None else {"height": asked.height, "width": asked.width}),
            prompt_embeds=embeddings,
            negative_prompt_embeds=self._tensor(unconditional),
            num_inference_steps=asked.num_inference_steps,
            guidance_scale=asked.guidance_scale,
            generator=sampler_generators(draws),
            output_type="latent",  # diffusers clamps what it decodes, and an overflow would look like a picture
            **step_end(inputs, prepared.steps),
        ).images
        return decode(pipeline.vae, ended)

    def _pipeline_for(self, asked: ImageParameters) -> Any:
        """Returns the pipeline with a scheduler that remembers nothing of the last batch."""
        pipeline = self._text_to_image if asked.image is None else self._image_to_image
        pipeline.scheduler = new_scheduler(str(asked.scheduler), self._schedule)
        return pipeline

    def _start(self, asked: ImageParameters) -> tuple[Start, int]:
        """Returns where denoising starts, and how often the network is asked from there. Raises InvalidParameters."""
        pipeline = self._pipeline_for(asked)
        scheduler, scale = pipeline.scheduler, pipeline.vae_scale_factor
        try:
            scheduler.set_timesteps(asked.num_inference_steps, device=pipeline.device)
        except Exception as error:  # PNDM wants four steps or more, and says so in its own words
            reason = " ".join(str(error).split())[:200]
            raise InvalidParameters(
                f"{asked.scheduler} cannot take {asked.num_inference_steps} steps ({type(error).__name__}: {reason}); "
                "ask for another number of steps or another scheduler",
                field="parameters.num_inference_steps",
            ) from error
        channels = pipeline.unet.config.in_channels
        shape = (channels, int(asked.height or 0) // scale, int(asked.width or 0) // scale)
        if asked.image is None:
            return Start(shape), len(scheduler.timesteps)
        timesteps, _ = pipeline.get_timesteps(asked.num_inference_steps, asked.strength, pipeline.device)
        if not len(timesteps):
            raise InvalidParameters(
                f"strength={asked.strength!r} of {asked.num_inference_steps} steps leaves no step; ask for more",
                field="parameters.strength",
            )
        one, none = torch.ones(1, 1, 1, 1, dtype=torch.float64), torch.zeros(1, 1, 1, 1, dtype=torch.float64)
        # Any scheduler's forward noise is a·x + b·ξ; ask it for a and for b.
        signal = float(scheduler.add_noise(one, none, timesteps[:1].cpu()))
        noise = float(scheduler.add_noise(none, one, timesteps[:1].cpu()))
        return Start(shape, self._seed_latent(asked), signal, noise), len(timesteps)

    def _seed_latent(self, asked: ImageParameters) -> NDArray[np.float64]:
        """Returns the seed image in the autoencoder's latent space."""
        picture = decode_image(str(asked.image)).resize(
            (int(asked.width or 0), int(asked.height or 0)), Image.Resampling.LANCZOS
        )
        pixels = torch.from_numpy(np.asarray(picture, dtype=np.float64) / 127.5 - 1).permute(2, 0, 1)[None]
        with torch.inference_mode():
            latent = encode(self._text_to_image.vae, pixels)
        found: NDArray[np.float64] = latent[0].double().cpu().numpy()
        return found

    def _tensor(self, values: NDArray[Any]) -> torch.Tensor:
        unet = self._text_to_image.unet
        return torch.from_numpy(np.array(values, order="C")).to(unet.dtype).to(unet.device)


def _place(
    smoothing: Smoothing, embedding: NDArray[np.float32], start: Start, steps: int, shape: Shape | None
) -> tuple[Mechanism, Placement]:
    """Returns the mechanism a job asks for, and its way into the pipeline. Raises InvalidInput."""
    if smoothing.mechanism == "embedding":
        return Gaussian(smoothing.level), HeldEmbedding(embedding, start)
    if smoothing.mechanism == SHAPED and shape is not None:
        mechanism = ShapedGaussian(smoothing.level, shape)
        mechanism.require_near(embedding)
        return mechanism, HeldEmbedding(embedding, start)
    if smoothing.mechanism == "embedding-per-step":
        return GaussianPerStep(smoothing.level, steps), FreshEmbedding(embedding, start)
    if smoothing.mechanism == "latent-schedule":
        latent = latent_noise([smoothing.common], start.shape)[0] if start.seed is None else start.seed
        return LatentSchedule(smoothing.level, steps), ScheduledLatent(latent.astype(np.float32), embedding, start)
    if smoothing.mechanism != "img2img":
        raise UnknownName("mechanism", smoothing.mechanism, DiffusionModel.always_offered, field="robustness.mechanism")
    if start.seed is None:
        raise InvalidParameters(
            "mechanism 'img2img' protects a seed image and none is given; send parameters.image",
            field="parameters.image",
        )
    placement = ForwardNoise(start.seed.astype(np.float32), embedding, start.signal)
    return ForwardDiffusion(start.signal, start.noise), placement


def image_parameters(parameters: Parameters) -> ImageParameters:
    """Returns the parameters that a gateway has filled. Raises InvalidParameters for a text model's, or where some are
    missing."""
    wanted = ("num_inference_steps", "guidance_scale", "width", "height", "scheduler")
    if isinstance(parameters, ImageParameters) and all(getattr(parameters, name) is not None for name in wanted):
        return parameters
    raise InvalidParameters(
        f"a picture model takes image parameters with {', '.join(wanted)}, got {parameters!r:.200}", field="parameters"
    )
