"""How sensitive a generator is: finite differences against closed forms, Jacobian products against whole Jacobians."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from smoothgen.contracts import TextParameters
from smoothgen.errors import InvalidInput
from smoothgen.noise import Seed, Stream, normals
from tests.support.workers import tiny_diffusion
from tests.support.workers.jobs import ON_EMBEDDING, Recorded, metric_of, run, spec
from workers.distances.pixels import PixelRmse
from workers.generators import Condition, Draw, SmoothMap
from workers.generators.batching import Batcher
from workers.generators.closed_form import SPECS, ClosedForm
from workers.generators.diffusion import DiffusionModel
from workers.generators.language.adapter import LanguageModel
from workers.jobs.sampling import condition_of
from workers.sensitivity import Probed, probe, public_directions
from workers.sensitivity.autodiff import spectral_norms
from workers.sensitivity.finite_differences import PUBLIC_DRAW
from workers.sensitivity.power_iteration import (
    jacobian_vector_products,
    jacobians,
    largest_singular_values,
    vector_jacobian_products,
)
from workers.sensitivity.sensing import sense

TINY_PICTURES = pytest.mark.filterwarnings("ignore:__array:DeprecationWarning")  # diffusers' own
TEXT = TextParameters()


def probed(
    name: str, offsets: list[float], *, step: float = 0.5, probes: int = 3, batch_size: int = 64, prompt: str = "0.0"
) -> Probed:
    generator = ClosedForm(name)
    return probe(
        generator,
        metric_of(spec(prompt, sigma=1.0, metric="absolute")),
        generator.condition(prompt, TEXT, ON_EMBEDDING),
        TEXT,
        np.array(offsets)[:, None],
        step=step,
        probes=probes,
        batcher=Batcher(batch_size),
        on_batch=lambda samples, failed, seconds: None,
    )


def test_finite_differences_are_the_law_written_out():
    u, law, step = public_directions(3, (1,))[:, 0], SPECS["closed-form-tanh"].law, 0.5
    found = probed("closed-form-tanh", [-0.3, 0.0, 1.7], step=step, prompt="0.25")
    for x, s, slope in zip([-0.05, 0.25, 1.95], found.sensitivities, found.slopes, strict=True):
        moved = np.abs(law(x + step * u) - law(np.array([x])))
        assert s == pytest.approx(moved.mean() / step, rel=1e-4)  # the points and their moves are on the noise's grid
        assert slope == pytest.approx((moved / np.abs(step * u)).max(), rel=1e-4)


def test_the_steepest_secant_is_below_the_lipschitz_constant_and_comes_near():
    found = probed("closed-form-tanh", list(np.linspace(-2, 2, 41)), step=0.01)
    assert 0.999 < found.slopes.max() <= 1.0  # |g'| = 1 at 0, and nowhere more


def test_a_generator_that_ignores_its_prompt_is_not_sensitive():
    found = probed("closed-form-null", [0.0, 1.0])
    assert np.array_equal(found.sensitivities, [0.0, 0.0])
    assert np.array_equal(found.slopes, [0.0, 0.0])


@pytest.mark.parametrize("name", ["closed-form-partly-nan", "closed-form-partly-raising"])
def test_a_point_with_a_failed_output_is_infinitely_sensitive_and_no_other_is(name: str):
    found = probed(name, [-3.0, 3.0])
    assert np.isfinite(found.sensitivities).tolist() == [True, False]
    assert np.isfinite(found.slopes).tolist() == [True, False]


def test_the_batch_decides_nothing():
    offsets = list(np.linspace(-1, 1, 37))
    whole, cut = probed("closed-form-tanh", offsets), probed("closed-form-tanh", offsets, batch_size=5)
    assert np.array_equal(whole.sensitivities, cut.sensitivities)
    assert np.array_equal(whole.slopes, cut.slopes)


def test_the_directions_are_of_no_job():
    """Published numbers: whoever reads the certificate can probe the same way."""
    assert np.array_equal(public_directions(2, (3,)), public_directions(2, (3,)))
    expected = [normals(Seed(0x5E2517117, "client"), Stream.CALIBRATION, i, 3) for i in range(2)]
    assert np.array_equal(public_directions(2, (3,)), expected)
    generator = Recorded(ClosedForm("closed-form-tanh"))
    drawn = []
    for seed in ("0" * 32, "f" * 32):
        job = spec("0.5", sigma=1.0, metric="absolute", lipschitz_estimate=True).model_copy(update={"seed": seed})
        sense(
            job,
            generator,
            metric_of(job),
            generator.condition("0.5", TEXT, ON_EMBEDDING),
            batcher=Batcher(64),
            on_batch=lambda samples, failed, seconds: None,
        )
        drawn.append(np.array(generator.noise))
        generator.noise.clear()
    assert np.array_equal(*drawn)


def linear(matrix: torch.Tensor):
    return lambda x: x @ matrix.T


def test_power_iteration_finds_the_largest_singular_value():
    torch.manual_seed(0)
    matrix = torch.randn(30, 7, dtype=torch.float64)
    x, start = torch.randn(3, 7, dtype=torch.float64), torch.randn(3, 7, dtype=torch.float64)
    largest = torch.linalg.svdvals(matrix)[0]
    assert largest_singular_values(linear(matrix), x, start, rounds=200).tolist() == pytest.approx(3 * [float(largest)])
    for rounds in (1, 2, 5):  # an estimate from below, however early it stops
        assert (largest_singular_values(linear(matrix), x, start, rounds=rounds) <= largest * (1 + 1e-12)).all()


def test_a_flat_map_has_the_singular_value_0():
    x = torch.ones(2, 3)
    assert largest_singular_values(lambda rows: rows * 0.0, x, x, rounds=3).tolist() == [0.0, 0.0]
    unconnected = torch.ones(2, 5)
    assert jacobian_vector_products(lambda rows: unconnected, x, x).abs().max() == 0


@TINY_PICTURES
def test_jacobian_products_of_a_whole_pipeline_agree_with_each_other(tmp_path: Path):
    model = tiny_diffusion.load(tiny_diffusion.save(tmp_path))
    asked = tiny_diffusion.parameters(num_inference_steps=2)
    condition = model.condition("a red ab", asked, ON_EMBEDDING)
    smooth = model.smooth_map(condition, PUBLIC_DRAW, asked)
    torch.manual_seed(1)
    x = torch.from_numpy(np.stack([condition.embedding, condition.embedding + 0.1]))
    v = torch.randn(x.shape)
    jv = jacobian_vector_products(smooth.call, x, v)
    u = torch.randn(jv.shape)
    forwards, backwards = (
        (u * jv).flatten(1).sum(1),
        (v * vector_jacobian_products(smooth.call, x, u)).flatten(1).sum(1),
    )
    assert forwards.tolist() == pytest.approx(backwards.tolist(), rel=1e-3)
    assert forwards.abs().min() > 0
    h = 1e-2  # and with what a finite difference of the pixels says
    secant = (smooth.call(x + h * v) - smooth.call(x - h * v)) / (2 * h)
    assert float((secant - jv).norm() / jv.norm()) < 0.05


@TINY_PICTURES
def test_the_map_that_is_differentiated_is_the_one_that_is_served(tmp_path: Path):
    model = tiny_diffusion.load(tiny_diffusion.save(tmp_path))
    asked = tiny_diffusion.parameters()
    condition = model.condition("a red ab", asked, ON_EMBEDDING)
    pixels = model.smooth_map(condition, PUBLIC_DRAW, asked).call(torch.from_numpy(condition.embedding)[None])
    [served] = model.generate(condition, np.zeros((1, *condition.embedding.shape)), [PUBLIC_DRAW], asked)
    assert np.abs(pixels[0].permute(1, 2, 0).detach().numpy() * 255 - served.content.astype(float)).max() <= 0.51


@TINY_PICTURES
def test_power_iteration_meets_the_whole_jacobian_and_several_prompts_go_at_once(tmp_path: Path):
    """Through transformers, attention and convolutions, in float32."""
    model = tiny_diffusion.load(tiny_diffusion.save(tmp_path))
    asked = tiny_diffusion.parameters(num_inference_steps=1)
    conditions = [model.condition(prompt, asked, ON_EMBEDDING) for prompt in ("a red ab", "ab ab ab")]
    together, unit = spectral_norms(model, conditions, asked, rounds=25)
    assert unit == "pixel RMSE per l2 unit of the embedding"
    smooth = model.smooth_map(conditions[0], PUBLIC_DRAW, asked)
    for condition, found in zip(conditions, together, strict=True):
        [alone], _ = spectral_norms(model, [condition], asked, rounds=25)
        assert found == pytest.approx(alone, rel=1e-3)
    whole = jacobians(smooth.call, torch.from_numpy(conditions[0].embedding)[None])
    assert together[0] == pytest.approx(float(torch.linalg.svdvals(whole)[0]) * smooth.scale, rel=0.02)


@TINY_PICTURES
def test_small_finite_differences_are_the_jacobian_along_the_directions(tmp_path: Path):
    """Of the pixels before rounding; on pictures of 8 bits a step must be large enough to show."""
    model = tiny_diffusion.load(tiny_diffusion.save(tmp_path))
    asked = tiny_diffusion.parameters(num_inference_steps=2)
    condition = model.condition("a red ab", asked, ON_EMBEDDING)
    u = public_directions(2, condition.embedding.shape)
    x = torch.from_numpy(condition.embedding).expand(2, *condition.embedding.shape)
    smooth = model.smooth_map(condition, PUBLIC_DRAW, asked)
    jacobian = jacobian_vector_products(smooth.call, x, torch.from_numpy(u).float())
    along = float(jacobian.flatten(1).norm(dim=1).mean()) * smooth.scale
    found = probe(
        model,
        PixelRmse(),
        condition,
        asked,
        np.zeros((1, *condition.embedding.shape)),
        step=0.05,
        probes=2,
        batcher=Batcher(64),
        on_batch=lambda samples, failed, seconds: None,
    )
    assert float(found.sensitivities[0]) == pytest.approx(along, rel=0.25)


def test_a_language_model_is_differentiated_by_its_next_token(llama: LanguageModel):
    condition = llama.condition("A triangle has", TEXT, ON_EMBEDDING)
    [found], unit = spectral_norms(llama, [condition], TEXT, rounds=30)
    assert unit.startswith("nats of the next token's log-probabilities")
    smooth = llama.smooth_map(condition, PUBLIC_DRAW, TEXT)
    whole = jacobians(smooth.call, torch.from_numpy(condition.embedding)[None])
    assert found == pytest.approx(float(torch.linalg.svdvals(whole)[0]), rel=0.02)


def test_what_cannot_be_differentiated_says_so():
    generator = ClosedForm("closed-form-tanh")
    with pytest.raises(InvalidInput, match="cannot be differentiated; ask for lipschitz_estimate 'finite-differences'"):
        spectral_norms(generator, [generator.condition("0", TEXT, ON_EMBEDDING)], TEXT)


class _Exhausted(ClosedForm):
    """A generator torch could differentiate, on a device that is too small for it."""

    def smooth_map(self, condition: Condition, draw: Draw, parameters: TextParameters) -> SmoothMap:
        raise RuntimeError("CUDA out of memory")


def test_an_estimate_that_does_not_fit_the_device_costs_nobody_the_job():
    job = spec("0.25", sigma=0.5, metric="absolute", samples=20, selection_samples=4, lipschitz_estimate="autodiff")
    result = run(job, _Exhausted("closed-form-tanh"))
    assert result.certificate is not None
    assert result.lipschitz_estimate is not None
    assert (result.lipschitz_estimate.value, result.lipschitz_estimate.certified) == (None, False)


@TINY_PICTURES
def test_noise_elsewhere_than_on_the_prompt_is_not_differentiated(tmp_path: Path):
    model: DiffusionModel = tiny_diffusion.load(tiny_diffusion.save(tmp_path))
    asked = tiny_diffusion.parameters()
    job = tiny_diffusion.spec(asked, mechanism="latent-schedule")
    with pytest.raises(InvalidInput, match="use mechanism 'embedding'"):
        spectral_norms(model, [condition_of(job, model)], asked)
