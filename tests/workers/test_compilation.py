"""Compiled pipelines: what is refused, and that a graph for each shape draws what the network draws.

Graphs are traced here and run as they are (torch's backend "eager"): making machine code of them takes minutes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers.models.attention_processor import AttnProcessor2_0

from smoothgen.errors import InvalidParameters
from smoothgen.noise import Seed, Stream
from smoothgen.queue import build_of
from tests.support.workers import tiny, tiny_diffusion
from workers.generators import Draw, Picture, Smoothing, load_generator
from workers.generators.diffusion import DiffusionModel
from workers.generators.diffusion.compilation import CompiledForward, compile_networks
from workers.generators.language.adapter import LanguageModel
from workers.serving.loaded_model import load_models
from workers.settings import Settings

BFLOAT16 = Settings(device="cpu", dtype="bfloat16")
SEED = Seed(7, "client")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_diffusion.save(tmp_path_factory.mktemp("pipeline"))


def drawn(model: DiffusionModel, rows: range) -> np.ndarray:
    asked = tiny_diffusion.parameters()
    condition = model.condition("a red ab", asked, Smoothing("embedding", 0.5, Draw(SEED, Stream.GENERATOR_COMMON, 0)))
    noise = condition.mechanism.draw(SEED, Stream.CERTIFICATION, rows, condition.embedding.shape)
    outputs = model.generate(condition, noise, [Draw(SEED, Stream.GENERATOR, row) for row in rows], asked)
    assert all(isinstance(output, Picture) for output in outputs)
    return np.stack([output.pixels for output in outputs])


def test_a_compiled_pipeline_draws_the_same(folder: Path) -> None:
    model = load_generator(f"tiny={folder}", BFLOAT16)
    assert isinstance(model, DiffusionModel)
    before = drawn(model, range(4))
    compile_networks(model._text_to_image, backend="eager")
    assert np.array_equal(drawn(model, range(4)), before)
    forward = model._text_to_image.unet.forward
    assert isinstance(forward, CompiledForward)
    assert len(forward._shapes) == 1


def test_each_shape_is_traced_once_and_gradients_run_the_network_itself() -> None:
    called = []

    def forward(x: torch.Tensor) -> torch.Tensor:
        if not torch.compiler.is_compiling():
            called.append(len(x))
        return 2 * x

    compiled = CompiledForward(forward, backend="eager")
    with torch.inference_mode():
        for rows in (1, 2, 1, 2):
            assert torch.equal(compiled(torch.ones(rows, 3)), torch.full((rows, 3), 2.0))
        assert compiled._shapes == {((1, 3),), ((2, 3),)}
    x = torch.ones(1, 3, requires_grad=True)
    compiled(x).sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad, torch.full((1, 3), 2.0))
    assert called == [1]


def test_shapes_beyond_the_most_run_the_network_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.generators.diffusion.compilation._MOST_GRAPHS", 1)
    compiled = CompiledForward(torch.neg, backend="eager")
    with torch.inference_mode():
        for rows in (1, 2, 1):
            assert torch.equal(compiled(torch.ones(rows)), -torch.ones(rows))
    assert compiled._shapes == {((1,),)}


def test_single_precision_is_refused(folder: Path) -> None:
    with pytest.raises(InvalidParameters, match="needs 16 bits, and model 'tiny' is served in float32"):
        load_generator(f"tiny={folder}", Settings(device="cpu", compile=True))


def test_what_is_no_pipeline_is_refused() -> None:
    with pytest.raises(InvalidParameters, match="compiles diffusers pipelines only, and model 'closed-form-tanh'"):
        load_models(Settings(models=["closed-form-tanh"], compile=True))


def test_compiled_networks_are_another_build() -> None:
    assert build_of("sha256:a", "bfloat16", compiled=True) != build_of("sha256:a", "bfloat16")


@pytest.mark.parametrize("model", [tiny.llama, tiny.gpt2])
def test_language_models_use_the_fused_attention(model, tmp_path: Path) -> None:
    loaded = load_generator(f"tiny={tiny.save(model(), tmp_path)}", BFLOAT16)
    assert isinstance(loaded, LanguageModel)
    assert loaded.network.config._attn_implementation == "sdpa"


def test_pipelines_use_the_fused_attention(folder: Path) -> None:
    model = load_generator(f"tiny={folder}", BFLOAT16)
    assert isinstance(model, DiffusionModel)
    pipeline = model._text_to_image
    kinds = {type(each) for network in (pipeline.unet, pipeline.vae) for each in network.attn_processors.values()}
    assert kinds == {AttnProcessor2_0}
    assert pipeline.text_encoder.config._attn_implementation == "sdpa"
