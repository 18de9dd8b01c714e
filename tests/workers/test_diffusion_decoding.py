"""What a decoder gives is a picture, a failure or a withheld picture, and says which."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline

from smoothgen.certificates import from_document
from smoothgen.contracts import JobResult
from smoothgen.errors import GenerationFailed, InvalidParameters
from smoothgen.images import decode_image
from smoothgen.noise import Seed, Stream, normals
from tests.support.workers import tiny_diffusion as tiny
from tests.support.workers.jobs import Recorded
from workers.generators import Condition, Draw, Failure, Picture, Smoothing
from workers.generators.diffusion import DiffusionModel
from workers.generators.diffusion.decoding import Decoded

pytestmark = pytest.mark.filterwarnings("ignore:__array:DeprecationWarning")  # diffusers' own

SEED = Seed(5, "server")
COMMON = Draw(SEED, Stream.GENERATOR_COMMON, 0)
ROWS = 8


def condition_of(model: DiffusionModel, asked: Any = None) -> Condition:
    return model.condition("a red ab", asked or tiny.parameters(), Smoothing("embedding", 0.5, COMMON))


def drawn(model: DiffusionModel, asked: Any = None, count: int = ROWS) -> list[Any]:
    asked = asked or tiny.parameters()
    condition = condition_of(model, asked)
    noise = condition.mechanism.draw(SEED, Stream.CERTIFICATION, range(count), condition.embedding.shape)
    return list(model.generate(condition, noise, draws(count), asked))


def draws(count: int) -> list[Draw]:
    return [Draw(SEED, Stream.GENERATOR, k) for k in range(count)]


def raw(model: DiffusionModel) -> torch.Tensor:
    condition = condition_of(model)
    noise = condition.mechanism.draw(SEED, Stream.CERTIFICATION, range(ROWS), condition.embedding.shape)
    return model.decoded(condition, noise, draws(ROWS), tiny.parameters()).pixels


@pytest.mark.parametrize("build", [tiny.vae, tiny.small_vae, tiny.asymmetric_vae])
@pytest.mark.parametrize("sign", [1.0, -1.0], ids=["above", "below"])
def test_a_decoder_that_overflows_fails_that_row_alone(build: Any, sign: float, tmp_path: Path):
    network = build()
    last = network.decoder.conv_out if hasattr(network.decoder, "conv_out") else network.decoder.layers[-1]
    with torch.no_grad():
        # Each colour is one number of the layer before, so nothing but that number's size decides what overflows.
        last.weight.zero_()
        last.weight[range(3), range(3), 1, 1] = sign
        last.bias.zero_()
    plain = tiny.load(tiny.save(tmp_path / "plain", vae=network))
    shift = 1.0 if build is tiny.small_vae else 0.0  # its decoder gives 2·y − 1 for its last layer's y
    peaks = (raw(plain) + shift).abs().flatten(1).amax(dim=1).double()
    order = peaks.argsort(descending=True)
    scale = torch.finfo(torch.float32).max / float((peaks[order[0]] * peaks[order[1]]) ** 0.5)
    with torch.no_grad():
        last.weight.mul_(scale)
    outputs = drawn(tiny.load(tiny.save(tmp_path / "loud", vae=network)))
    failed = [k for k, output in enumerate(outputs) if isinstance(output, Failure)]
    assert failed == [int(order[0])]
    assert outputs[failed[0]] == Failure("the picture's pixels were not finite")


def test_an_infinite_latent_that_a_decoder_squashes_is_a_failed_sample(tmp_path: Path):
    network, asked = tiny.unet(), tiny.parameters(num_inference_steps=1, guidance_scale=1.0)
    # One step from the very end of the schedule, where what is left is 15 times the noise that is taken away.
    far = DDIMScheduler.from_config(tiny.scheduler().config, timestep_spacing="trailing")

    def last_of(model: DiffusionModel) -> Decoded:
        condition = condition_of(model, asked)
        noise = condition.mechanism.draw(SEED, Stream.CERTIFICATION, range(2), condition.embedding.shape)
        return model.decoded(condition, noise, draws(2), asked)

    with torch.no_grad():
        network.conv_out.weight.mul_(1e30)
        network.conv_out.bias.mul_(1e30)
    loud = last_of(tiny.load(tiny.save(tmp_path / "loud", unet=network, vae=tiny.small_vae(), scheduler=far)))
    factor = 3 * torch.finfo(torch.float32).max / float(loud.latents.abs().amax(dim=(1, 2, 3)).min())
    with torch.no_grad():
        network.conv_out.weight.mul_(factor)
        network.conv_out.bias.mul_(factor)
    model = tiny.load(tiny.save(tmp_path / "louder", unet=network, vae=tiny.small_vae(), scheduler=far))
    decoded = last_of(model)
    assert torch.isinf(decoded.latents).any()
    assert torch.isfinite(decoded.pixels).all()
    assert drawn(model, asked, 2) == [Failure("the picture's latent was not finite")] * 2
    with pytest.raises(GenerationFailed, match=r"all 3 selection samples failed.*latent was not finite"):
        tiny.run(tiny.spec(asked), model)


@pytest.mark.parametrize("mechanism", ["embedding-per-step", "latent-schedule"])
def test_a_latent_that_breaks_midway_fails_its_row_alone(mechanism: str, picture_model: DiffusionModel):
    asked = tiny.parameters()
    condition = picture_model.condition("a red ab", asked, Smoothing(mechanism, 0.5, COMMON))
    noise = condition.mechanism.draw(SEED, Stream.CERTIFICATION, range(4), condition.embedding.shape)
    whole = list(picture_model.generate(condition, noise, draws(4), asked))
    noise[1, 1] = np.inf
    outputs = list(picture_model.generate(condition, noise, draws(4), asked))
    assert outputs.pop(1) == Failure("the picture's pixels were not finite")
    del whole[1]
    assert all(np.array_equal(a.pixels, b.pixels) for a, b in zip(outputs, whole, strict=True))


@pytest.mark.parametrize("build", [lambda: tiny.small_vae(scaling_factor=0.6), tiny.asymmetric_vae])
def test_another_autoencoder_draws_what_the_bare_pipeline_draws(build: Any, tmp_path: Path):
    folder = tiny.save(tmp_path, vae=build())
    model, bare = tiny.load(folder), tiny.bare(folder)
    asked, ones = tiny.parameters(), draws(1)
    condition = condition_of(model, asked)
    [served] = model.generate(condition, np.zeros((1, *condition.embedding.shape)), ones, asked)
    latents = normals(ones[0].seed, ones[0].stream, ones[0].index, int(np.prod(tiny.LATENT))).reshape(1, *tiny.LATENT)
    with torch.inference_mode():
        expected = bare(
            prompt="a red ab",
            latents=torch.from_numpy(latents).float(),
            num_inference_steps=3,
            guidance_scale=5.0,
            output_type="np",
        ).images[0]
    assert isinstance(served, Picture)
    assert np.array_equal(served.pixels, (expected * 255).round().astype(np.uint8))


@pytest.mark.parametrize("mechanism", ["img2img", "latent-schedule"])
def test_a_seed_image_goes_through_an_autoencoder_without_a_distribution(mechanism: str, tmp_path: Path):
    folder = tiny.save(tmp_path, vae=tiny.small_vae(scaling_factor=0.6))
    model, vae = tiny.load(folder), tiny.bare(folder).vae
    asked = tiny.parameters(image=tiny.seed_image())
    sigma = None if mechanism == "img2img" else 0.5
    condition = model.condition("a red ab", asked, Smoothing(mechanism, sigma, COMMON))
    pixels = np.asarray(decode_image(tiny.seed_image()), dtype=np.float32) / 127.5 - 1
    with torch.inference_mode():
        latent = vae.encode(torch.from_numpy(pixels).permute(2, 0, 1)[None]).latents[0] * 0.6
    assert np.allclose(condition.embedding, latent.numpy(), atol=1e-6)
    result = tiny.run(tiny.spec(asked, mechanism=mechanism, sigma=sigma), model)
    assert result.output.media_type == "image/png"


@pytest.mark.parametrize("kind", ["ConsistencyDecoderVAE", "AutoencoderKLTemporalDecoder", "VQModel"])
def test_an_autoencoder_that_is_not_taken_is_one_clear_line(kind: str, tmp_path: Path):
    folder = tiny.save(tmp_path)
    index = json.loads((folder / "model_index.json").read_text(encoding="utf-8"))
    index["vae"] = ["diffusers", kind]
    (folder / "model_index.json").write_text(json.dumps(index), encoding="utf-8")
    with pytest.raises(InvalidParameters, match=f"'vae' of model 'tiny' is a '{kind}'; taken are AutoencoderKL, "):
        tiny.load(folder)


@pytest.fixture(scope="module")
def likeness(tmp_path_factory: pytest.TempPathFactory) -> float:
    """A threshold that some of the pictures pass and others do not."""
    place = tmp_path_factory.mktemp("likeness")
    outputs = drawn(tiny.load(tiny.save(place)))
    parts = tiny.safety_checker(0.0)
    seen = parts["feature_extractor"]([o.pixels for o in outputs], return_tensors="pt").pixel_values
    network = parts["safety_checker"].eval()
    with torch.inference_mode():
        embedded = network.visual_projection(network.vision_model(seen)[1])
        cosines = torch.cosine_similarity(embedded[:, None], network.concept_embeds[None], dim=-1).amax(dim=1)
    highest = sorted(cosines.tolist())
    middle = len(highest) // 2
    assert highest[middle] - highest[middle - 1] > 1e-3  # its scores are rounded to thousandths
    return (highest[middle] + highest[middle - 1]) / 2


@pytest.fixture(scope="module")
def checked_folder(likeness: float, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.save(tmp_path_factory.mktemp("checked"), **tiny.safety_checker(likeness))


def test_a_safety_checker_blackens_the_pictures_it_blackens_in_the_bare_pipeline(checked_folder: Path):
    outputs = drawn(tiny.load(checked_folder))
    bare = StableDiffusionPipeline.from_pretrained(checked_folder)
    bare.set_progress_bar_config(disable=True)
    condition = condition_of(tiny.load(checked_folder))
    noise = condition.mechanism.draw(SEED, Stream.CERTIFICATION, range(ROWS), condition.embedding.shape)
    latents = np.stack([normals(d.seed, d.stream, d.index, int(np.prod(tiny.LATENT))) for d in draws(ROWS)])
    with torch.inference_mode():
        empty, _ = bare.encode_prompt("", "cpu", ROWS, False)
        expected = bare(
            prompt_embeds=torch.from_numpy(condition.embedding + noise).float(),
            negative_prompt_embeds=empty,
            latents=torch.from_numpy(latents.reshape(ROWS, *tiny.LATENT)).float(),
            num_inference_steps=3,
            guidance_scale=5.0,
            output_type="np",
        )
    assert [o.withheld for o in outputs] == expected.nsfw_content_detected
    assert sum(expected.nsfw_content_detected) == ROWS // 2
    for output, image in zip(outputs, expected.images, strict=True):
        assert np.array_equal(output.pixels, (image * 255).round().astype(np.uint8))
        assert output.withheld == (output.pixels.max() == 0)


def withheld_of_nine(folder: Path) -> tuple[int, JobResult]:
    """How many of nine selection samples the pipeline's checker withheld; the result, whose note says so."""
    watched = Recorded(tiny.load(folder))
    result = tiny.run(tiny.spec(tiny.parameters(), selection_samples=9, randomness="fresh"), watched)
    black = sum(output.withheld for output in watched.outputs[:9])
    [note] = [note for note in result.notes or [] if note.code == "safety_checker"]
    assert note.detail.startswith(f"{black} of 9 selection samples")
    black_served = np.asarray(decode_image(result.output.data)).max() == 0
    assert ("the output served" in note.detail) == black_served
    return black, result


def test_withheld_pictures_are_noted_with_their_share(checked_folder: Path):
    black, _ = withheld_of_nine(checked_folder)
    assert 0 < black < 9


def test_where_all_pictures_are_withheld_the_radius_is_the_largest_and_the_note_says_why(tmp_path: Path):
    black, result = withheld_of_nine(tiny.save(tmp_path, **tiny.safety_checker(-2.0)))
    assert black == 9
    assert result.certificate is not None
    assert not from_document(result.certificate).evidence.distances.any()  # black pictures equal each other


def test_a_checker_that_withholds_nothing_leaves_no_note_and_the_same_pictures(tmp_path: Path):
    plain, lenient = tiny.save(tmp_path / "plain"), tiny.save(tmp_path / "lenient", **tiny.safety_checker(2.0))
    for one, other in zip(drawn(tiny.load(plain)), drawn(tiny.load(lenient)), strict=True):
        assert np.array_equal(one.pixels, other.pixels)
        assert not other.withheld
    notes = tiny.run(tiny.spec(tiny.parameters()), tiny.load(lenient)).notes or []
    assert "safety_checker" not in [note.code for note in notes]


def test_a_picture_that_is_not_finite_is_a_failure_whatever_the_checker_thinks_of_it(tmp_path: Path):
    model = tiny.load(tiny.save(tmp_path, **tiny.safety_checker(-2.0)))
    condition = condition_of(model)
    noise = condition.mechanism.draw(SEED, Stream.CERTIFICATION, range(3), condition.embedding.shape)
    noise[1] = np.nan
    outputs = model.generate(condition, noise, draws(3), tiny.parameters())
    assert [type(output) for output in outputs] == [Picture, Failure, Picture]


def test_a_checker_without_its_feature_extractor_is_refused(checked_folder: Path, tmp_path: Path):
    folder = Path(shutil.copytree(checked_folder, tmp_path / "model"))
    index = json.loads((folder / "model_index.json").read_text(encoding="utf-8"))
    index["feature_extractor"] = [None, None]
    (folder / "model_index.json").write_text(json.dumps(index), encoding="utf-8")
    with pytest.raises(OSError, match="a safety checker and no feature extractor"):
        tiny.load(folder)


def test_a_model_that_always_overflows_loads_and_fails_every_sample(tmp_path: Path):
    network = tiny.vae()
    with torch.no_grad():
        network.decoder.conv_out.weight.mul_(1e38).mul_(10)
    model = tiny.load(tiny.save(tmp_path, vae=network))
    with pytest.raises(GenerationFailed, match=r"all 3 selection samples failed.*pixels were not finite"):
        tiny.run(tiny.spec(tiny.parameters()), model)
