"""The generator of a conditional GAN: its conditioning path, its rows, its gradients, its jobs, its training."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from smoothgen.certificates import verify
from smoothgen.contracts import GenerateRequest, JobSpec
from smoothgen.errors import InvalidParameters, UnknownName
from smoothgen.noise import Seed, Stream
from smoothgen.planning.plan import plan
from tests.support.workers.jobs import Silent
from tests.support.workers.settings import CPU
from workers.generators import Condition, Draw, Failure, Picture, Smoothing, load_generator
from workers.generators.batching import Batcher
from workers.generators.folders import SHIPPED
from workers.generators.gan import GanModel
from workers.generators.gan.network import GanNetwork
from workers.generators.weights import weights_digest
from workers.jobs.in_process import run_job
from workers.serving.loaded_model import Encoders, LoadedModel
from workers.training.captions import phrase
from workers.training.gan import STYLES, train_gan
from workers.training.pictures import Garments
from workers.training.vocabulary import COLOURS, GARMENTS

MODEL = "fashion-gan-32"
SEED = Seed(11, "server")


@pytest.fixture(scope="module")
def served() -> LoadedModel:
    return LoadedModel(load_generator(MODEL, CPU), Encoders(CPU), CPU)


@pytest.fixture(scope="module")
def generator(served: LoadedModel) -> GanModel:
    assert isinstance(served.generator, GanModel)
    return served.generator


def planned(served: LoadedModel, prompt: str = "a red sneaker", **robustness: object) -> JobSpec:
    body = {"model": served.card.id, "prompt": prompt, "seed": 1, "robustness": robustness}
    return plan(GenerateRequest.model_validate(body), served.card, max_samples=10_000)


def conditioned(served: LoadedModel, prompt: str, sigma: float = 0.2) -> Condition:
    smoothing = Smoothing("embedding", sigma, Draw(SEED, Stream.GENERATOR_COMMON, 0))
    return served.generator.condition(prompt, planned(served).parameters, smoothing)


def drawn(served: LoadedModel, condition: Condition, indices: list[int], *, style: int | None = None) -> np.ndarray:
    """Pictures at the noise of these indices, of one style or of each index's own."""
    noise = condition.mechanism.draw(SEED, Stream.CERTIFICATION, indices, condition.embedding.shape)
    draws = [Draw(SEED, Stream.GENERATOR, index if style is None else style) for index in indices]
    made = served.generator.generate(condition, noise, draws, planned(served).parameters)
    assert all(isinstance(picture, Picture) for picture in made)
    return np.stack([picture.content for picture in made])  # type: ignore[union-attr]


def test_the_prompt_reaches_the_picture_through_its_sixteen_numbers_alone(served: LoadedModel) -> None:
    sneaker, coat = conditioned(served, "a red sneaker"), conditioned(served, "a blue coat")
    assert sneaker.embedding.size == 16
    disguised = dataclasses.replace(coat, embedding=sneaker.embedding)
    assert (drawn(served, disguised, [0, 1]) == drawn(served, sneaker, [0, 1])).all()
    assert (drawn(served, coat, [0, 1]) != drawn(served, sneaker, [0, 1])).any()


def test_rows_do_not_read_each_other(served: LoadedModel) -> None:
    condition = conditioned(served, "a red sneaker")
    together = drawn(served, condition, list(range(9))).astype(int)
    alone = np.concatenate([drawn(served, condition, [index]) for index in range(9)])
    assert np.abs(together - alone).max() <= 1  # a level, where a value lies between two


def test_a_style_is_shared_or_each_samples_own(served: LoadedModel) -> None:
    condition = conditioned(served, "a red sneaker", sigma=1e-9)
    common, fresh = drawn(served, condition, [0, 1], style=5), drawn(served, condition, [0, 1])
    assert np.abs(common[0].astype(int) - common[1]).max() <= 1
    assert np.abs(fresh[0].astype(int) - fresh[1]).max() > 20


def test_a_row_that_is_not_finite_fails_alone(generator: GanModel) -> None:
    x = np.zeros((2, 16))
    x[1, 3] = np.nan
    first, second = generator.draw(x, np.zeros((2, STYLES)))
    assert isinstance(first, Picture)
    assert isinstance(second, Failure)


def test_the_smooth_map_is_the_served_picture_and_its_gradient_a_difference(served: LoadedModel) -> None:
    assert isinstance(served.generator, GanModel)
    condition, style = conditioned(served, "a red sneaker", sigma=1e-9), Draw(SEED, Stream.GENERATOR, 5)
    smooth = served.generator.smooth_map(condition, style, planned(served).parameters)
    x = torch.from_numpy(condition.embedding)[None].double().requires_grad_()
    levels = smooth.call(x)
    served_picture = drawn(served, condition, [0], style=5)[0]
    assert np.abs(levels[0].permute(1, 2, 0).detach().numpy() * 255 - served_picture).max() <= 0.51
    gradient = torch.autograd.grad(levels.mean(), x)[0]
    step = 1e-2 * gradient / gradient.norm()
    with torch.no_grad():
        risen = (smooth.call(x + step).mean() - smooth.call(x - step).mean()) / 2
    assert float(risen) == pytest.approx(float(gradient.norm()) * 1e-2, rel=0.1)


def test_a_job_is_certified_and_claims_no_constant(served: LoadedModel) -> None:
    spec = planned(served, samples=120, sigma=0.2, tolerance=0.1)
    metric = served.metric(spec.metric)
    certificate = run_job(spec, served.generator, metric, batcher=Batcher(64), watch=Silent()).certificate
    assert certificate is not None
    assert verify(certificate)
    assert certificate.get("lipschitz") is None
    assert served.card.lipschitz is None
    assert served.card.precision == "float32"


def test_what_one_pass_has_no_use_for_is_refused(served: LoadedModel) -> None:
    parameters = planned(served).parameters
    smoothing = Smoothing("embedding", 0.1, Draw(SEED, Stream.GENERATOR_COMMON, 0))
    for name, value in (("num_inference_steps", 20), ("guidance_scale", 4.0), ("negative_prompt", "blue")):
        with pytest.raises(InvalidParameters, match=name):
            served.generator.condition("a coat", parameters.model_copy(update={name: value}), smoothing)
    with pytest.raises(UnknownName):
        planned(served, mechanism="latent-schedule")


@pytest.mark.parametrize("sigma", [1e-9, 0.2])
def test_the_pictures_are_recognised(served: LoadedModel, sigma: float) -> None:
    """One of every garment in every colour; docs/models.md has the shares of more."""
    assert served.classifier is not None
    right = 0
    for index, (garment, colour) in enumerate((g, c) for g in GARMENTS for c in COLOURS):
        condition = conditioned(served, phrase("a {c} {g}", c=colour, g=garment), sigma=sigma)
        right += served.classifier.verdicts(list(drawn(served, condition, [index]))) == [f"{colour} {garment}"]
    assert right / 80 >= 0.6


def test_the_shipped_folder_is_small_and_holds_no_code() -> None:
    files = [path for path in (SHIPPED / MODEL).rglob("*") if path.is_file()]
    assert {path.name for path in files} == {"gan.json", "generator.safetensors"}
    assert sum(path.stat().st_size for path in files) < 1.5e6


def test_a_broken_folder_is_named_with_the_remedy(tmp_path: Path) -> None:
    config = {"text_head": "nowhere", "default_sigma": 0.1}
    GanNetwork(16, STYLES).save(tmp_path, config)
    with pytest.raises(OSError, match=r"workers\.training\.gan"):
        load_generator(f"mine={tmp_path}", CPU)
    network = GanNetwork(16, STYLES)
    torch.nn.init.constant_(network.first.weight, float("nan"))
    network.save(tmp_path, config)
    with pytest.raises(OSError, match=r"not finite, 'first\.weight'"):
        load_generator(f"mine={tmp_path}", CPU)


def test_training_repeats_itself_and_what_it_writes_is_served(tmp_path: Path) -> None:
    random = torch.Generator().manual_seed(0)
    data = Garments(torch.rand(200, 32, 32, generator=random), torch.arange(200) % 10)
    threads = torch.get_num_threads()
    try:
        first, again, noisy = (train_gan(data, sigma=s, count=2, seed=0, threads=1) for s in (0.0, 0.0, 0.5))
    finally:
        torch.use_deterministic_algorithms(False)
        torch.set_num_threads(threads)
    digests = [weights_digest(network.state_dict()) for network in (first, again, noisy)]
    assert digests[0] == digests[1] != digests[2]
    head, judge = (str(SHIPPED / "fashion-32" / part) for part in ("text_head", "judge"))
    first.save(tmp_path, {"default_sigma": 0.2, "text_head": head, "judge": judge})
    assert json.loads((tmp_path / "gan.json").read_text(encoding="utf-8"))["width"] == 16
    model = load_generator(f"mine={tmp_path}", CPU)
    assert model.identity.digest != load_generator(MODEL, CPU).identity.digest
