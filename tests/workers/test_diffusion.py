"""A picture model is the diffusers pipeline it was loaded from, with noise on one path and no other path open."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline

from smoothgen.certificates import from_document, verify
from smoothgen.contracts import TextParameters
from smoothgen.errors import GenerationFailed, InvalidParameters, InvalidPrompt, UnknownName
from smoothgen.noise import Seed, Stream, normals
from tests.support.workers import tiny_diffusion as tiny
from tests.support.workers.jobs import Recorded
from workers.generators import Condition, Draw, Failure, Picture, Smoothing
from workers.generators.diffusion import DiffusionModel

pytestmark = pytest.mark.filterwarnings("ignore:__array:DeprecationWarning")  # diffusers' own

SEED = Seed(5, "server")
COMMON = Draw(SEED, Stream.GENERATOR_COMMON, 0)
ON_EMBEDDING = Smoothing("embedding", 0.5, COMMON)
PROMPT, NEGATIVE = "a red ab", "blurred"


def fresh(count: int) -> list[Draw]:
    return [Draw(SEED, Stream.GENERATOR, k) for k in range(count)]


def latents_of(draws: list[Draw]) -> torch.Tensor:
    """The initial latents these draws stand for, straight from the source of all noise."""
    rows = [normals(d.seed, d.stream, d.index, int(np.prod(tiny.LATENT))).reshape(tiny.LATENT) for d in draws]
    return torch.from_numpy(np.stack(rows)).float()


def noise_on(condition: Condition, count: int) -> np.ndarray:
    return condition.mechanism.draw(SEED, Stream.CERTIFICATION, range(count), condition.embedding.shape)


def pixels(outputs: list) -> np.ndarray:
    assert all(isinstance(output, Picture) for output in outputs)
    return np.stack([output.pixels for output in outputs])


def drawn_by(bare_pipeline: StableDiffusionPipeline, **asked) -> np.ndarray:
    """What a script with this pipeline would save as 8-bit pictures."""
    with torch.inference_mode():
        found = bare_pipeline(output_type="np", num_inference_steps=3, **asked).images
    return (found * 255).round().astype(np.uint8)


def test_x_is_the_whole_block_of_prompt_embeddings(
    picture_model: DiffusionModel, bare_pipeline: StableDiffusionPipeline
):
    condition = picture_model.condition(PROMPT, tiny.parameters(), ON_EMBEDDING)
    block, _ = bare_pipeline.encode_prompt(PROMPT, "cpu", 1, False)
    assert condition.embedding.shape == (tiny.LONGEST, tiny.WIDTH)
    assert np.array_equal(condition.embedding, block[0].detach().numpy())
    assert condition.embedding.dtype == np.float32


@pytest.mark.parametrize("guidance", [5.0, 1.0], ids=["guided", "unguided"])
@pytest.mark.parametrize("negative", [None, NEGATIVE])
def test_without_noise_it_is_the_bare_pipeline(
    picture_model: DiffusionModel, bare_pipeline: StableDiffusionPipeline, negative: str | None, guidance: float
):
    asked = tiny.parameters(guidance_scale=guidance, negative_prompt=negative)
    condition, draws = picture_model.condition(PROMPT, asked, ON_EMBEDDING), fresh(1)
    served = picture_model.generate(condition, 0 * noise_on(condition, 1), draws, asked)
    expected = drawn_by(
        bare_pipeline, prompt=PROMPT, negative_prompt=negative, latents=latents_of(draws), guidance_scale=guidance
    )
    assert np.array_equal(pixels(served), expected)


def test_the_noise_is_on_the_prompt_and_not_on_the_unconditional_half(
    picture_model: DiffusionModel, bare_pipeline: StableDiffusionPipeline
):
    asked = tiny.parameters(negative_prompt=NEGATIVE)
    condition, draws = picture_model.condition(PROMPT, asked, ON_EMBEDDING), fresh(4)
    noise = noise_on(condition, 4)
    clean = bare_pipeline.encode_prompt(PROMPT, "cpu", 1, True, negative_prompt=NEGATIVE)
    block, negative = (embedding.detach() for embedding in clean)
    noisy = (block.double() + torch.from_numpy(noise)).float()
    expected = {
        where: drawn_by(
            bare_pipeline,
            prompt_embeds=noisy,
            negative_prompt_embeds=unconditional,
            latents=latents_of(draws),
            guidance_scale=5.0,
        )
        for where, unconditional in [
            ("prompt", negative.expand(4, -1, -1)),
            ("both", (negative.double() + torch.from_numpy(noise)).float()),
        ]
    }
    served = pixels(picture_model.generate(condition, noise, draws, asked))
    assert np.array_equal(served, expected["prompt"])
    assert not np.array_equal(served, expected["both"])


def test_noise_changes_the_picture(picture_model: DiffusionModel):
    asked = tiny.parameters()
    condition = picture_model.condition(PROMPT, asked, ON_EMBEDDING)
    noise = noise_on(condition, 3)
    noise = np.concatenate([np.zeros_like(noise[:1]), noise])
    clean, *noisy = pixels(picture_model.generate(condition, noise, [COMMON] * 4, asked)).astype(int)
    assert all(np.abs(picture - clean).mean() > 4 for picture in noisy)
    assert np.abs(noisy[0] - noisy[1]).mean() > 4


def test_the_pictures_size_is_the_one_asked_for(picture_model: DiffusionModel, bare_pipeline: StableDiffusionPipeline):
    asked = tiny.parameters(width=24, height=16)
    condition, draws = picture_model.condition(PROMPT, asked, ON_EMBEDDING), fresh(1)
    [served] = pixels(picture_model.generate(condition, 0 * noise_on(condition, 1), draws, asked))
    latent = normals(SEED, Stream.GENERATOR, 0, 4 * 8 * 12).reshape(1, 4, 8, 12)
    expected = drawn_by(
        bare_pipeline, prompt=PROMPT, latents=torch.from_numpy(latent).float(), width=24, height=16, guidance_scale=5.0
    )
    assert served.shape == (16, 24, 3)
    assert np.array_equal(served, expected[0])


@pytest.mark.parametrize("scheduler", ["DDIMScheduler", "EulerAncestralDiscreteScheduler"])
def test_equal_draws_are_equal_pictures(picture_model: DiffusionModel, scheduler: str):
    asked = tiny.parameters(scheduler=scheduler)
    condition = picture_model.condition(PROMPT, asked, ON_EMBEDDING)
    same = np.repeat(noise_on(condition, 1), 3, axis=0)
    shared = pixels(picture_model.generate(condition, same, [COMMON] * 3, asked)).astype(int)
    assert (shared == shared[0]).all()
    assert np.array_equal(shared, pixels(picture_model.generate(condition, same, [COMMON] * 3, asked)))
    own = pixels(picture_model.generate(condition, same, fresh(3), asked)).astype(int)
    assert np.abs(own[0] - own[1]).mean() > 4


def test_a_stochastic_scheduler_draws_by_the_samples_own_place(picture_model: DiffusionModel):
    # The same latent, so only what the scheduler adds can differ.
    asked = tiny.parameters(scheduler="DDPMScheduler", image=tiny.seed_image(), num_inference_steps=4)
    condition = picture_model.condition(PROMPT, asked, Smoothing("img2img", None, COMMON))
    same = np.repeat(noise_on(condition, 1), 2, axis=0)
    one, other = pixels(picture_model.generate(condition, same, fresh(2), asked)).astype(int)
    assert np.abs(one - other).mean() > 4


@pytest.mark.parametrize("randomness", ["common", "fresh"])
def test_a_job_shares_the_pipelines_randomness_or_draws_it_anew(picture_model: DiffusionModel, randomness: str):
    seen: list[Draw] = []

    class Watched(Recorded):
        def generate(self, condition, noise, draws, parameters):
            seen.extend(draws)
            return super().generate(condition, noise, draws, parameters)

    asked = tiny.parameters()
    result = tiny.run(tiny.spec(asked, randomness=randomness), Watched(picture_model))
    assert len(seen) == 11
    assert len(set(seen)) == (1 if randomness == "common" else 11)
    assert result.certificate is not None
    assert result.certificate["sampling"]["randomness"] == randomness


@pytest.mark.parametrize("field", ["prompt", "negative prompt"])
def test_a_text_beyond_the_encoders_window_is_refused(picture_model: DiffusionModel, field: str):
    # A silent cut would certify a picture of another prompt.
    fits, too_long = "x" * (tiny.LONGEST - 2), "x" * (tiny.LONGEST - 1)  # start and end take a token each
    if field == "prompt":
        picture_model.condition(fits, tiny.parameters(), ON_EMBEDDING)
        with pytest.raises(InvalidPrompt, match=r"the prompt has 78 tokens and the text encoder reads 77; shorten"):
            picture_model.condition(too_long, tiny.parameters(), ON_EMBEDDING)
    else:
        picture_model.condition(PROMPT, tiny.parameters(negative_prompt=fits), ON_EMBEDDING)
        with pytest.raises(InvalidPrompt, match="negative_prompt has 78 tokens") as caught:
            picture_model.condition(PROMPT, tiny.parameters(negative_prompt=too_long), ON_EMBEDDING)
        assert caught.value.field == "parameters.negative_prompt"
    assert picture_model.longest_prompt_tokens == tiny.LONGEST


@pytest.mark.parametrize(
    ("mechanism", "image", "negative", "attack_on", "held_fixed"),
    [
        ("embedding", False, None, "prompt embedding", ("unconditional embedding (empty prompt)",)),
        ("embedding", False, NEGATIVE, "prompt embedding", ("unconditional embedding (negative prompt)",)),
        ("embedding-per-step", False, None, "prompt embedding", ("unconditional embedding (empty prompt)",)),
        ("embedding", True, None, "prompt embedding", ("unconditional embedding (empty prompt)", "seed image")),
        ("latent-schedule", False, None, "initial latent", ("prompt", "unconditional embedding (empty prompt)")),
        ("latent-schedule", True, None, "seed image's latent", ("prompt", "unconditional embedding (empty prompt)")),
        ("img2img", True, None, "seed image's latent", ("prompt", "unconditional embedding (empty prompt)")),
    ],
)
def test_what_is_attacked_and_what_is_held_fixed_stand_in_the_certificate(
    picture_model: DiffusionModel,
    mechanism: str,
    image: bool,
    negative: str | None,
    attack_on: str,
    held_fixed: tuple[str, ...],
):
    asked = tiny.parameters(negative_prompt=negative, **({"image": tiny.seed_image()} if image else {}))
    sigma = None if mechanism == "img2img" else 0.5
    condition = picture_model.condition(PROMPT, asked, Smoothing(mechanism, sigma, COMMON))
    assert condition.attack_on.startswith(attack_on)
    assert condition.held_fixed == held_fixed
    assert condition.random
    certificate = tiny.run(tiny.spec(asked, mechanism=mechanism, sigma=sigma), picture_model).certificate
    assert certificate is not None
    threat = certificate["threat"]
    assert threat["attack_on"] == condition.attack_on
    assert threat["held_fixed"] == list(held_fixed)
    latent = int(np.prod(tiny.LATENT))
    assert threat["dimension"] == (tiny.LONGEST * tiny.WIDTH if mechanism.startswith("embedding") else latent)
    assert all(name in certificate["statement"] for name in held_fixed)
    assert verify(certificate).valid


def test_the_certificate_holds_the_seed_images_digest_and_not_the_image(picture_model: DiffusionModel):
    asked = tiny.parameters(image=tiny.seed_image())
    certificate = tiny.run(tiny.spec(asked), picture_model).certificate
    assert certificate is not None
    assert certificate["request"]["parameters"]["image"].startswith("sha256:")
    assert tiny.seed_image() not in str(certificate)


def test_an_unknown_mechanism_and_a_missing_seed_image_are_refused(picture_model: DiffusionModel):
    with pytest.raises(UnknownName, match="'blur'; known: embedding, embedding-per-step, img2img, latent-schedule"):
        picture_model.condition(PROMPT, tiny.parameters(), Smoothing("blur", 0.5, COMMON))
    with pytest.raises(InvalidParameters, match=r"send parameters\.image"):
        picture_model.condition(PROMPT, tiny.parameters(), Smoothing("img2img", None, COMMON))


def test_a_text_models_parameters_and_ones_with_gaps_are_refused(picture_model: DiffusionModel):
    for wrong in (TextParameters(), tiny.parameters().model_copy(update={"scheduler": None})):
        with pytest.raises(InvalidParameters, match="takes image parameters with num_inference_steps"):
            picture_model.condition(PROMPT, wrong, ON_EMBEDDING)


def test_a_picture_that_is_not_finite_is_a_failed_sample_and_its_neighbours_are_not(picture_model: DiffusionModel):
    asked = tiny.parameters()
    condition = picture_model.condition(PROMPT, asked, ON_EMBEDDING)
    noise = noise_on(condition, 4)
    whole = pixels(picture_model.generate(condition, noise, fresh(4), asked))
    noise[2, 5, 7] = np.nan
    outputs = picture_model.generate(condition, noise, fresh(4), asked)
    assert outputs.pop(2) == Failure("the picture's pixels were not finite")
    assert np.array_equal(pixels(outputs), np.delete(whole, 2, axis=0))


def test_failed_pictures_count_as_the_worst_distance(picture_model: DiffusionModel):
    class Spoiled(Recorded):
        """Fails for the certification samples 1 and 6."""

        def generate(self, condition, noise, draws, parameters):
            spoiled = [k for k, d in enumerate(draws) if d.stream == Stream.GENERATOR and d.index in (1, 6)]
            noise[spoiled] = np.inf
            return super().generate(condition, noise, draws, parameters)

    job = tiny.spec(tiny.parameters(), randomness="fresh", samples=40)
    certificate, whole = (tiny.run(job, g).certificate for g in (Spoiled(picture_model), picture_model))
    assert certificate is not None
    assert whole is not None
    distances, others = (from_document(c).evidence.distances for c in (certificate, whole))
    assert certificate["failed"] == np.isinf(distances).sum() == 2
    assert np.isfinite(others).all()
    assert certificate["radius"] < whole["radius"]
    assert verify(certificate).valid


@pytest.mark.parametrize(("part", "value"), [("unet", float("nan")), ("unet", float("inf")), ("vae", float("nan"))])
def test_broken_weights_fail_with_one_clear_line(tmp_path: Path, part: str, value: float):
    network = getattr(tiny, part)()
    layer = network.conv_in if part == "unet" else network.decoder.conv_in
    with torch.no_grad():
        layer.bias[0] = value
    broken = tiny.load(tiny.save(tmp_path, **{part: network}))
    with pytest.raises(GenerationFailed, match=r"all 3 selection samples failed.*pixels were not finite"):
        tiny.run(tiny.spec(tiny.parameters()), broken)


def test_out_of_memory_splits_the_batch_and_the_certificate_is_the_same(picture_model: DiffusionModel):
    job = tiny.spec(tiny.parameters(), selection_samples=4)
    tight = Recorded(picture_model, fails=lambda batch: MemoryError("too much") if batch > 5 else None)
    whole, split = Recorded(picture_model), tight
    certificate = tiny.run(job, split).certificate
    assert tight.batches == [4, 8, 4, 4]
    assert certificate == tiny.run(job, whole, batch_size=4).certificate
    assert np.array_equal(split.noise, whole.noise)
