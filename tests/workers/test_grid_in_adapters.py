"""What every adapter hands to its network, in every precision, is a function of the public grid points and of nothing
else of x: reached from another x, the same points give the same output to the bit. The lattice attack needs more."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smoothgen.contracts import ImageParameters, TextParameters
from smoothgen.mechanisms import GaussianPerStep, LatentSchedule, Shape, ShapedGaussian
from smoothgen.noise import Seed, Stream
from tests.support.workers import tiny_diffusion
from tests.support.workers.jobs import ON_EMBEDDING
from tests.support.workers.settings import CPU
from workers.generators import Condition, Draw, Generator, Smoothing, load_generator
from workers.generators.diffusion import DiffusionModel
from workers.generators.language.loading import load_language_model

SEED = Seed(11, "client")
COMMON = Draw(SEED, Stream.GENERATOR_COMMON, 0)
ROWS = 3
GREEDY = TextParameters(max_new_tokens=6)


def moved(condition: Condition, noise: np.ndarray) -> tuple[Condition, np.ndarray]:
    """Another x, and the noise that leads from it to the same grid points at every step."""
    mechanism, x = condition.mechanism, condition.embedding
    shift = np.random.default_rng(1).normal(0, 0.1, x.shape).astype(np.float32)
    other = (x + shift).astype(np.float32)
    if isinstance(mechanism, ShapedGaussian):
        points = mechanism.shape.whitened(condition.noisy(noise).reshape(ROWS, -1).T).T.reshape(noise.shape)
        there = points - mechanism.shape.whitened(other.astype(np.float64).reshape(-1)).reshape(other.shape)
    elif isinstance(mechanism, GaussianPerStep):
        there = np.stack([condition.noisy(noise, k) - other for k in range(mechanism.steps)], axis=1)
    elif isinstance(mechanism, LatentSchedule):
        there = noise.copy()  # x enters with the first step's noise only
        there[:, 0] = condition.noisy(noise) - other
    else:
        there = condition.noisy(noise) - other
    return replace(condition, embedding=other), there


def same_outputs(generator: Generator, condition: Condition, parameters: Any) -> None:
    noise = condition.mechanism.draw(SEED, Stream.CERTIFICATION, range(ROWS), condition.embedding.shape)
    other, there = moved(condition, noise)
    assert not np.array_equal(other.embedding, condition.embedding)
    one = generator.generate(condition, noise, [COMMON] * ROWS, parameters)
    two = generator.generate(other, there, [COMMON] * ROWS, parameters)
    for a, b in zip(one, two, strict=True):
        assert np.array_equal(a.content, b.content) if not isinstance(a.content, str) else a.content == b.content


def test_closed_forms() -> None:
    generator = load_generator("closed-form-tanh", CPU)
    same_outputs(generator, generator.condition("0.3", GREEDY, Smoothing("embedding", 0.5, COMMON)), GREEDY)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_language_models(dtype: str, llama_folder: Path) -> None:
    model = load_language_model("tiny", str(llama_folder), CPU.model_copy(update={"dtype": dtype}))
    condition = model.condition("A triangle has", GREEDY, ON_EMBEDDING)
    noise = condition.mechanism.draw(SEED, Stream.CERTIFICATION, range(ROWS), condition.embedding.shape)
    other, there = moved(condition, noise)
    assert model.inputs(condition, noise).equal(model.inputs(other, there))
    same_outputs(model, condition, GREEDY)


@pytest.mark.parametrize("mechanism", ["embedding", "embedding-per-step", "latent-schedule", "img2img"])
def test_pipelines(mechanism: str, picture_model: DiffusionModel) -> None:
    seed = {"image": tiny_diffusion.seed_image(), "strength": 0.7} if mechanism == "img2img" else {}
    asked = tiny_diffusion.parameters(num_inference_steps=4, **seed)
    level = None if mechanism == "img2img" else 0.5
    same_outputs(picture_model, picture_model.condition("a cat", asked, Smoothing(mechanism, level, COMMON)), asked)


def test_shaped_noise_on_a_pipeline(picture_model: DiffusionModel) -> None:
    asked = tiny_diffusion.parameters(num_inference_steps=2)
    condition = picture_model.condition("a cat", asked, Smoothing("embedding", 0.5, COMMON))
    few = replace(condition, embedding=condition.embedding.reshape(-1)[:4].copy())
    shape = Shape.of("some", np.tril(np.random.default_rng(0).normal(0, 0.2, (4, 4)), -1) + np.diag([1, 0.8, 1.3, 1.1]))
    shaped = replace(few, mechanism=ShapedGaussian(0.5, shape))
    noise = shaped.mechanism.draw(SEED, Stream.CERTIFICATION, range(ROWS), (4,))
    other, there = moved(shaped, noise)
    assert np.allclose(shaped.noisy(noise), other.noisy(there), rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", ["fashion-lipschitz-32", "fashion-gan-32"])
def test_one_pass_networks(name: str) -> None:
    model = load_generator(name, CPU)
    asked = ImageParameters(num_inference_steps=1, guidance_scale=1.0, width=32, height=32, scheduler="none")
    same_outputs(model, model.condition("a red sneaker", asked, Smoothing("embedding", 0.1, COMMON)), asked)


def test_the_bottleneck() -> None:
    model = load_generator("smollm2-135m-bottleneck", CPU)
    same_outputs(model, model.condition("Who painted it?", GREEDY, Smoothing("embedding", 0.2, COMMON)), GREEDY)
