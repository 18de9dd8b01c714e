"""A sample is the same whatever batch it stands in: the same noise to the bit, the same pixels to a rounding.

Matrix products of another shape round differently, by about 1e-7 of a pixel, so a pixel that lies on the edge between
two of 256 levels can fall on either side. Measured for the four jobs below: 1 level, in 0 or 1 of 20,736 channel
values; distances differ by at most 9e-5 of their size, radii by 3e-8. Allowed is ten to thirty times that.
"""

from __future__ import annotations

import numpy as np
import pytest

from smoothgen.certificates import from_document, verify
from smoothgen.contracts import JobResult
from smoothgen.noise import Seed, Stream
from tests.support.workers import tiny_diffusion as tiny
from tests.support.workers.jobs import SEED, Recorded
from workers.generators import Draw, Picture, Smoothing
from workers.generators.diffusion import DiffusionModel
from workers.generators.diffusion.schedulers import offered_schedulers

pytestmark = pytest.mark.filterwarnings("ignore:__array:DeprecationWarning")  # diffusers' own

MECHANISMS = ("embedding", "embedding-per-step", "latent-schedule", "img2img")
OFFERED = offered_schedulers(tiny.scheduler())
STOCHASTIC = {"DDPMScheduler", "EulerAncestralDiscreteScheduler", "KDPM2AncestralDiscreteScheduler"}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> DiffusionModel:
    return tiny.load(tiny.save(tmp_path_factory.mktemp("pipeline")))


def pixels(outputs: list) -> np.ndarray:
    assert all(isinstance(output, Picture) for output in outputs)
    return np.stack([output.pixels for output in outputs]).astype(int)


def distances(result: JobResult) -> np.ndarray:
    assert result.certificate is not None
    return np.sort(from_document(result.certificate).evidence.distances)


def sigma_of(mechanism: str) -> float | None:
    return None if mechanism == "img2img" else 0.5


@pytest.fixture(scope="module")
def whole(model: DiffusionModel) -> dict[str, tuple[Recorded, JobResult]]:
    """Every mechanism's job in batches of 64."""
    return {}


@pytest.mark.parametrize("batch_size", [1, 7])
@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_a_job_is_the_same_in_any_batches(
    mechanism: str, batch_size: int, model: DiffusionModel, whole: dict[str, tuple[Recorded, JobResult]]
):
    asked = tiny.parameters(**({"image": tiny.seed_image()} if mechanism == "img2img" else {}))
    job = tiny.spec(asked, mechanism=mechanism, sigma=sigma_of(mechanism), samples=24, randomness="fresh")
    if mechanism not in whole:
        whole[mechanism] = (reference := Recorded(model), tiny.run(job, reference, batch_size=64))
    (reference, expected), parts = whole[mechanism], Recorded(model)
    result = tiny.run(job, parts, batch_size=batch_size)
    assert max(reference.batches) == 24
    assert max(parts.batches) == batch_size
    assert np.array_equal(parts.noise, reference.noise)
    difference = np.abs(pixels(parts.outputs) - pixels(reference.outputs))
    assert difference.max() <= 1
    assert (difference > 0).mean() < 5e-4
    assert np.allclose(distances(result), distances(expected), rtol=1e-3, atol=0)
    radii = [r.certificate["radius"] for r in (result, expected) if r.certificate is not None]
    assert radii[0] == pytest.approx(radii[1], rel=1e-6)


def test_a_job_run_twice_gives_the_same_certificate(model: DiffusionModel):
    job = tiny.spec(tiny.parameters(scheduler="EulerAncestralDiscreteScheduler"), randomness="fresh")
    first, again = (tiny.run(job, model) for _ in range(2))
    assert first.certificate is not None
    assert first.certificate == again.certificate
    assert first.output == again.output


def test_the_card_offers_the_schedulers_that_keep_samples_apart(model: DiffusionModel):
    assert model.image.schedulers == OFFERED
    assert {"DDIMScheduler", "EulerDiscreteScheduler", "HeunDiscreteScheduler", "PNDMScheduler", *STOCHASTIC} <= {
        *OFFERED
    }
    assert not {"DPMSolverSDEScheduler", "EDMEulerScheduler"} & {*OFFERED}


@pytest.mark.parametrize("mechanism", MECHANISMS)
@pytest.mark.parametrize("scheduler", OFFERED)
def test_with_every_scheduler_a_sample_alone_is_the_sample_in_a_batch(
    scheduler: str, mechanism: str, model: DiffusionModel
):
    steps = 4 if scheduler == "PNDMScheduler" else 3  # its fewest
    asked = tiny.parameters(
        scheduler=scheduler,
        num_inference_steps=steps,
        **({"image": tiny.seed_image()} if mechanism == "img2img" else {}),
    )
    job = tiny.spec(
        asked, mechanism=mechanism, sigma=sigma_of(mechanism), randomness="fresh", samples=5, selection_samples=1
    )
    recorded = Recorded(model)
    result = tiny.run(job, recorded)
    assert recorded.batches == [1, 5]
    in_batch = pixels(recorded.outputs[1:])
    assert in_batch.shape == (5, tiny.SIDE, tiny.SIDE, 3)
    assert all(picture.std() > 5 for picture in in_batch)
    assert result.output.media_type == "image/png"
    assert verify(result.certificate).valid

    seed = Seed(int(SEED, 16), "server")
    smoothing = Smoothing(mechanism, sigma_of(mechanism), Draw(seed, Stream.GENERATOR_COMMON, 0))
    condition = model.condition(job.request.prompt, asked, smoothing)
    noise = condition.mechanism.draw(seed, Stream.CERTIFICATION, [3], condition.embedding.shape)
    alone = pixels([*model.generate(condition, noise, [Draw(seed, Stream.GENERATOR, 3)], asked)])
    difference = np.abs(alone[0] - in_batch[3])
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.01


@pytest.mark.parametrize("scheduler", sorted(STOCHASTIC))
def test_a_stochastic_schedulers_noise_is_the_samples_own_in_a_batch_too(scheduler: str, model: DiffusionModel):
    # Equal noise and equal latents, so pictures differ by what the scheduler adds, and by nothing where ω is shared.
    asked = tiny.parameters(scheduler=scheduler, image=tiny.seed_image())
    seed = Seed(3, "server")
    condition = model.condition("a", asked, Smoothing("img2img", None, Draw(seed, Stream.GENERATOR_COMMON, 0)))
    noise = np.repeat(condition.mechanism.draw(seed, Stream.CERTIFICATION, [0], condition.embedding.shape), 3, axis=0)
    draws = [Draw(seed, Stream.GENERATOR, k) for k in (0, 1, 0)]
    first, other, again = pixels([*model.generate(condition, noise, draws, asked)])
    assert np.abs(first - again).max() <= 1
    assert np.abs(first - other).mean() > 0.5
