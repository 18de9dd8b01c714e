"""Where each mechanism's noise enters, against a denoising loop written out by hand on the bare pipeline's parts."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Callable
from pathlib import Path

import diffusers
import numpy as np
import pytest
import torch
from diffusers import PNDMScheduler, StableDiffusionPipeline
from PIL import Image

from smoothgen.certificates import verify
from smoothgen.errors import InvalidParameters
from smoothgen.mechanisms import ForwardDiffusion, Gaussian, GaussianPerStep, LatentSchedule
from smoothgen.noise import Seed, Stream, normals
from tests.support.workers import tiny_diffusion as tiny
from workers.generators import Condition, Draw, Picture, Smoothing
from workers.generators.diffusion import DiffusionModel

pytestmark = pytest.mark.filterwarnings("ignore:__array:DeprecationWarning")  # diffusers' own

SEED = Seed(11, "server")
COMMON = Draw(SEED, Stream.GENERATOR_COMMON, 0)
GUIDANCE, COUNT = 5.0, 3
DRAWS = [Draw(SEED, Stream.GENERATOR, k) for k in range(COUNT)]
PROMPT = "a red ab"


def omega() -> torch.Tensor:
    count = math.prod(tiny.LATENT)
    return torch.from_numpy(np.stack([normals(SEED, Stream.GENERATOR, k, count) for k in range(COUNT)])).reshape(
        COUNT, *tiny.LATENT
    )


def noise_on(condition: Condition) -> np.ndarray:
    return condition.mechanism.draw(SEED, Stream.CERTIFICATION, range(COUNT), condition.embedding.shape)


def by_hand(
    bare_pipeline: StableDiffusionPipeline,
    scheduler,
    *,
    latents: torch.Tensor,
    embeddings: Callable[[int], torch.Tensor],
    timesteps: torch.Tensor,
    added: Callable[[int], torch.Tensor] = lambda k: torch.zeros(1),
) -> np.ndarray:
    """Classifier-free guidance as the paper has it: one network call a timestep, then the scheduler's step.

    added(k): goes on the latent before call k, k > 0; what is added before call 0 is in `latents`.
    """
    _, unconditional = bare_pipeline.encode_prompt(PROMPT, "cpu", 1, True, negative_prompt="")
    with torch.inference_mode():
        for k, t in enumerate(timesteps):
            if k:
                latents = latents + added(k)
            twice = scheduler.scale_model_input(torch.cat([latents, latents]), t)
            states = torch.cat([unconditional.expand(COUNT, -1, -1), embeddings(k)])
            empty, asked = bare_pipeline.unet(twice, t, encoder_hidden_states=states).sample.chunk(2)
            latents = scheduler.step(empty + GUIDANCE * (asked - empty), t, latents).prev_sample
        decoded = bare_pipeline.vae.decode(latents / bare_pipeline.vae.config.scaling_factor).sample
    pictures = (decoded * 0.5 + 0.5).clamp(0, 1).permute(0, 2, 3, 1).numpy()
    return (pictures * 255).round().astype(np.uint8)


def block(bare_pipeline: StableDiffusionPipeline) -> torch.Tensor:
    return bare_pipeline.encode_prompt(PROMPT, "cpu", 1, False)[0].detach().double()


def schedule(bare_pipeline: StableDiffusionPipeline, name: str, steps: int):
    scheduler = getattr(diffusers, name).from_config(bare_pipeline.scheduler.config)
    scheduler.set_timesteps(steps)
    return scheduler


def served(picture_model: DiffusionModel, condition: Condition, asked) -> np.ndarray:
    outputs = picture_model.generate(condition, noise_on(condition), DRAWS, asked)
    assert all(isinstance(output, Picture) for output in outputs)
    return np.stack([output.pixels for output in outputs])


def same(one: np.ndarray, other: np.ndarray) -> bool:
    """Equal up to single precision: the two add the same numbers in another order."""
    difference = np.abs(one.astype(int) - other)
    return bool(difference.max() <= 1 and (difference > 0).mean() < 0.01)


@pytest.mark.parametrize("name", ["DDIMScheduler", "EulerDiscreteScheduler", "HeunDiscreteScheduler", "PNDMScheduler"])
def test_embedding_holds_one_noisy_embedding_through_all_steps(
    name: str, picture_model: DiffusionModel, bare_pipeline: StableDiffusionPipeline
):
    asked = tiny.parameters(scheduler=name, num_inference_steps=4)
    condition = picture_model.condition(PROMPT, asked, Smoothing("embedding", 0.5, COMMON))
    assert condition.mechanism == Gaussian(0.5)
    scheduler = schedule(bare_pipeline, name, 4)
    noisy = (block(bare_pipeline) + torch.from_numpy(noise_on(condition))).float()
    expected = by_hand(
        bare_pipeline,
        scheduler,
        latents=omega().float() * scheduler.init_noise_sigma,
        embeddings=lambda k: noisy,
        timesteps=scheduler.timesteps,
    )
    assert same(served(picture_model, condition, asked), expected)


@pytest.mark.parametrize("name", ["DDIMScheduler", "EulerDiscreteScheduler", "HeunDiscreteScheduler", "PNDMScheduler"])
def test_embedding_per_step_puts_another_noisy_embedding_before_every_network_call(
    name: str, picture_model: DiffusionModel, bare_pipeline: StableDiffusionPipeline
):
    asked = tiny.parameters(scheduler=name, num_inference_steps=4)
    condition = picture_model.condition(PROMPT, asked, Smoothing("embedding-per-step", 0.5, COMMON))
    scheduler, noise = schedule(bare_pipeline, name, 4), torch.from_numpy(noise_on(condition))
    calls = len(scheduler.timesteps)
    assert condition.mechanism == GaussianPerStep(0.5, calls)
    assert noise.shape == (COUNT, calls, tiny.LONGEST, tiny.WIDTH)

    def expected(step: Callable[[int], int]) -> np.ndarray:
        fresh = schedule(bare_pipeline, name, 4)
        return by_hand(
            bare_pipeline,
            fresh,
            latents=omega().float() * fresh.init_noise_sigma,
            embeddings=lambda k: (block(bare_pipeline) + noise[:, step(k)]).float(),
            timesteps=fresh.timesteps,
        )

    pictures = served(picture_model, condition, asked)
    assert same(pictures, expected(lambda k: k))
    for last in range(calls - 1):  # every step's own noise counts: stopping to renew it anywhere shows
        assert not same(pictures, expected(lambda k, last=last: min(k, last)))


@pytest.mark.parametrize("name", ["DDIMScheduler", "EulerDiscreteScheduler", "PNDMScheduler"])
def test_latent_schedule_adds_its_noise_before_every_network_call(
    name: str, picture_model: DiffusionModel, bare_pipeline: StableDiffusionPipeline
):
    asked = tiny.parameters(scheduler=name, num_inference_steps=4)
    condition = picture_model.condition(PROMPT, asked, Smoothing("latent-schedule", 0.5, COMMON))
    scheduler, noise = schedule(bare_pipeline, name, 4), torch.from_numpy(noise_on(condition))
    assert condition.mechanism == LatentSchedule(0.5, len(scheduler.timesteps))
    x = normals(SEED, Stream.GENERATOR_COMMON, 0, math.prod(tiny.LATENT)).reshape(tiny.LATENT).astype(np.float32)
    assert np.array_equal(condition.embedding, x)
    clean = block(bare_pipeline).float().expand(COUNT, -1, -1)
    expected = by_hand(
        bare_pipeline,
        scheduler,
        latents=(torch.from_numpy(x).double() + noise[:, 0]).float() * scheduler.init_noise_sigma,
        embeddings=lambda k: clean,
        timesteps=scheduler.timesteps,
        added=lambda k: noise[:, k].float(),
    )
    assert same(served(picture_model, condition, asked), expected)


def test_what_protects_the_latent_is_the_first_steps_noise_of_level_beta(picture_model: DiffusionModel):
    condition = picture_model.condition(
        PROMPT, tiny.parameters(num_inference_steps=6), Smoothing("latent-schedule", 0.5, COMMON)
    )
    assert condition.mechanism.radius_in_sigmas(0.1) == pytest.approx(0.2)
    noise = condition.mechanism.draw(SEED, Stream.CERTIFICATION, range(60), condition.embedding.shape)
    levels = noise.std(axis=(0, 2, 3, 4))  # 15,360 normals a step: a relative error of 0.6%
    assert levels == pytest.approx([0.5 * math.sqrt(t / 6) for t in range(6, 0, -1)], rel=0.03)


def test_per_step_the_protection_is_the_composed_one(picture_model: DiffusionModel):
    condition = picture_model.condition(
        PROMPT, tiny.parameters(num_inference_steps=6), Smoothing("embedding-per-step", 0.5, COMMON)
    )
    squares = sum((0.1 / (0.5 * math.sqrt(t / 6))) ** 2 for t in range(1, 7))
    assert condition.mechanism.radius_in_sigmas(0.1) == pytest.approx(math.sqrt(squares))


def seed_latent(bare_pipeline: StableDiffusionPipeline) -> torch.Tensor:
    """The seed image through the pipeline's own image processor and the encoder's mode."""
    picture = Image.open(io.BytesIO(base64.b64decode(tiny.seed_image())))
    with torch.inference_mode():
        encoded = bare_pipeline.vae.encode(bare_pipeline.image_processor.preprocess(picture))
        return encoded.latent_dist.mode() * bare_pipeline.vae.config.scaling_factor


@pytest.mark.parametrize("strength", [0.3, 0.8, 1.0])
@pytest.mark.parametrize("name", ["DDIMScheduler", "EulerDiscreteScheduler", "HeunDiscreteScheduler"])
def test_img2img_smooths_the_seed_image_with_the_pipelines_forward_noise(
    name: str, strength: float, picture_model: DiffusionModel, bare_pipeline: StableDiffusionPipeline
):
    asked = tiny.parameters(scheduler=name, image=tiny.seed_image(), strength=strength, num_inference_steps=5)
    condition = picture_model.condition(PROMPT, asked, Smoothing("img2img", None, COMMON))
    scheduler, mechanism = schedule(bare_pipeline, name, 5), condition.mechanism
    assert isinstance(mechanism, ForwardDiffusion)
    skipped = 5 - int(5 * strength)
    timesteps = scheduler.timesteps[skipped * scheduler.order :]
    if name == "DDIMScheduler":
        cumulative = float(scheduler.alphas_cumprod[timesteps[0]])
        expected = math.sqrt(cumulative), math.sqrt(1 - cumulative)
    else:
        expected = 1.0, float(scheduler.sigmas[skipped * scheduler.order])
    assert (mechanism.signal, mechanism.noise) == pytest.approx(expected, rel=1e-6)
    x, noise = seed_latent(bare_pipeline), torch.from_numpy(noise_on(condition))
    assert np.allclose(condition.embedding, x[0].numpy(), atol=1e-6)

    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(skipped * scheduler.order)
    # diffusers' own words for it: standard normal ξ, and the scheduler adds it.
    xi = (noise * mechanism.signal / mechanism.noise).float()
    latents = scheduler.add_noise(x.expand(COUNT, -1, -1, -1), xi, timesteps[:1].repeat(COUNT))
    clean = block(bare_pipeline).float().expand(COUNT, -1, -1)
    pictures = by_hand(bare_pipeline, scheduler, latents=latents, embeddings=lambda k: clean, timesteps=timesteps)
    assert same(served(picture_model, condition, asked), pictures)


@pytest.mark.parametrize("mechanism", ["embedding", "embedding-per-step"])
def test_an_attacked_prompt_with_a_seed_image_leaves_the_seed_image_as_it_is(
    mechanism: str, picture_model: DiffusionModel, bare_pipeline: StableDiffusionPipeline
):
    asked = tiny.parameters(image=tiny.seed_image(), strength=0.8, num_inference_steps=5)
    condition = picture_model.condition(PROMPT, asked, Smoothing(mechanism, 0.5, COMMON))
    assert "seed image" in condition.held_fixed
    scheduler, noise = schedule(bare_pipeline, "DDIMScheduler", 5), torch.from_numpy(noise_on(condition))
    timesteps = scheduler.timesteps[1:]
    held = noise[:, None].expand(-1, 4, -1, -1) if mechanism == "embedding" else noise
    assert held.shape[1] == len(timesteps) == 4
    latents = scheduler.add_noise(
        seed_latent(bare_pipeline).expand(COUNT, -1, -1, -1), omega().float(), timesteps[:1].repeat(COUNT)
    )
    expected = by_hand(
        bare_pipeline,
        scheduler,
        latents=latents,
        embeddings=lambda k: (block(bare_pipeline) + held[:, k]).float(),
        timesteps=timesteps,
    )
    assert same(served(picture_model, condition, asked), expected)


def test_latent_schedule_with_a_seed_image_protects_the_seed_image(
    picture_model: DiffusionModel, bare_pipeline: StableDiffusionPipeline
):
    asked = tiny.parameters(image=tiny.seed_image(), strength=0.8, num_inference_steps=5)
    condition = picture_model.condition(PROMPT, asked, Smoothing("latent-schedule", 0.5, COMMON))
    scheduler, noise = schedule(bare_pipeline, "DDIMScheduler", 5), torch.from_numpy(noise_on(condition))
    timesteps, x = scheduler.timesteps[1:], seed_latent(bare_pipeline)
    assert condition.mechanism == LatentSchedule(0.5, 4)
    assert np.allclose(condition.embedding, x[0].numpy(), atol=1e-6)
    noisy = (x.double() + noise[:, 0]).float()
    clean = block(bare_pipeline).float().expand(COUNT, -1, -1)
    expected = by_hand(
        bare_pipeline,
        scheduler,
        latents=scheduler.add_noise(noisy, omega().float(), timesteps[:1].repeat(COUNT)),
        embeddings=lambda k: clean,
        timesteps=timesteps,
        added=lambda k: noise[:, k].float(),
    )
    assert same(served(picture_model, condition, asked), expected)


@pytest.mark.parametrize("image", [False, True], ids=["text-to-image", "image-to-image"])
@pytest.mark.parametrize("name", ["DDIMScheduler", "HeunDiscreteScheduler", "KDPM2DiscreteScheduler", "PNDMScheduler"])
def test_the_schedules_t_is_the_number_of_network_calls(name: str, image: bool, picture_model: DiffusionModel):
    # Heun's and KDPM2's second calls, and PNDM's warm-up, see the prompt too.
    seed = {"image": tiny.seed_image(), "strength": 0.7} if image else {}
    asked = tiny.parameters(scheduler=name, num_inference_steps=4, **seed)
    condition = picture_model.condition(PROMPT, asked, Smoothing("embedding-per-step", 0.5, COMMON))
    calls: list[torch.Tensor] = []
    handle = picture_model._text_to_image.unet.register_forward_pre_hook(
        lambda module, positional, named: calls.append(named["encoder_hidden_states"].clone()), with_kwargs=True
    )
    served(picture_model, condition, asked)
    handle.remove()
    assert len(calls) == condition.mechanism.steps > 1
    noise = noise_on(condition)
    for k, states in enumerate(calls):
        assert np.array_equal(
            states[COUNT:], condition.mechanism.noisy(condition.embedding, noise, k).astype(np.float32)
        )
        assert torch.equal(states[:COUNT], calls[0][:COUNT])


def test_stable_diffusions_own_pndm_asks_once_more_than_it_has_steps(tmp_path: Path):
    own = PNDMScheduler.from_config(tiny.scheduler().config, skip_prk_steps=True)
    picture_model = tiny.load(tiny.save(tmp_path, scheduler=own))
    assert picture_model.image.scheduler == "PNDMScheduler"
    asked = tiny.parameters(scheduler="PNDMScheduler", num_inference_steps=4)
    condition = picture_model.condition(PROMPT, asked, Smoothing("embedding-per-step", 0.5, COMMON))
    assert condition.mechanism == GaussianPerStep(0.5, 5)
    served(picture_model, condition, asked)


@pytest.mark.parametrize("mechanism", ["embedding", "img2img"])
def test_a_strength_that_leaves_no_step_is_refused(mechanism: str, picture_model: DiffusionModel):
    asked = tiny.parameters(image=tiny.seed_image(), strength=0.2, num_inference_steps=3)
    with pytest.raises(InvalidParameters, match=r"strength=0.2 of 3 steps leaves no step; ask for more") as caught:
        picture_model.condition(PROMPT, asked, Smoothing(mechanism, None if mechanism == "img2img" else 0.5, COMMON))
    assert caught.value.field == "parameters.strength"


def test_too_few_steps_for_a_scheduler_are_refused(picture_model: DiffusionModel):
    with pytest.raises(
        InvalidParameters, match=r"PNDMScheduler cannot take 3 steps .*another number of steps"
    ) as caught:
        picture_model.condition(PROMPT, tiny.parameters(scheduler="PNDMScheduler"), Smoothing("embedding", 0.5, COMMON))
    assert caught.value.field == "parameters.num_inference_steps"


def test_a_seed_image_of_another_size_is_brought_to_the_pictures(picture_model: DiffusionModel):
    asked = tiny.parameters(image=tiny.seed_image(50), width=24, height=16)
    condition = picture_model.condition(PROMPT, asked, Smoothing("img2img", None, COMMON))
    assert condition.embedding.shape == (4, 8, 12)
    assert served(picture_model, condition, asked).shape == (COUNT, 16, 24, 3)


def test_latents_of_another_depth_are_not_taken_for_pictures(tmp_path: Path):
    # diffusers' image-to-image knows latents by their four channels, and rescales whatever else it is given.
    folder = tiny.save(tmp_path, unet=tiny.unet(in_channels=8, out_channels=8), vae=tiny.vae(latent_channels=8))
    picture_model, bare_pipeline = tiny.load(folder), tiny.bare(folder)
    asked = tiny.parameters(image=tiny.seed_image(), strength=1.0)
    condition = picture_model.condition(PROMPT, asked, Smoothing("img2img", None, COMMON))
    scheduler = schedule(bare_pipeline, "DDIMScheduler", 3)
    noise = torch.from_numpy(noise_on(condition))
    clean = block(bare_pipeline).float().expand(COUNT, -1, -1)
    latents = (condition.mechanism.signal * (torch.from_numpy(condition.embedding).double() + noise)).float()
    expected = by_hand(
        bare_pipeline, scheduler, latents=latents, embeddings=lambda k: clean, timesteps=scheduler.timesteps
    )
    assert same(served(picture_model, condition, asked), expected)


@pytest.mark.parametrize("output", ["representative", "sample"])
@pytest.mark.parametrize("mechanism", ["embedding", "embedding-per-step", "latent-schedule", "img2img"])
def test_every_mechanisms_certificate_can_be_verified(mechanism: str, output: str, picture_model: DiffusionModel):
    asked = tiny.parameters(**({"image": tiny.seed_image()} if mechanism == "img2img" else {}))
    job = tiny.spec(asked, mechanism=mechanism, sigma=None if mechanism == "img2img" else 0.5, samples=30)
    job = job.model_copy(update={"request": job.request.model_copy(update={"output": output})})
    certificate = tiny.run(job, picture_model).certificate
    assert certificate is not None
    assert verify(certificate).valid
    condition = picture_model.condition(PROMPT, asked, Smoothing(mechanism, job.sigma, COMMON))
    assert certificate["mechanism"] == condition.mechanism.to_dict()
    assert certificate["radius"] > 0
