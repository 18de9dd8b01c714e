"""A picture is a function of its own row: found out when a model is loaded, on networks whose rows read each other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch
from diffusers import StableDiffusionPipeline
from diffusers.pipelines.deprecated.text_to_video_synthesis.pipeline_text_to_video_zero import (
    CrossFrameAttnProcessor,
)

from smoothgen.certificates import ModelIdentity
from smoothgen.errors import InvalidParameters
from tests.support.workers import tiny_diffusion as tiny
from tests.support.workers.settings import CPU
from workers.generators import load_generator
from workers.generators.diffusion import DiffusionModel
from workers.generators.diffusion.picture_probe import probe
from workers.generators.diffusion.prompts import PipelinePrompts


def model_of(pipeline: StableDiffusionPipeline) -> DiffusionModel:
    return DiffusionModel(
        pipeline,
        PipelinePrompts(pipeline),
        identity=ModelIdentity("tiny", "1", "sha256:00"),
        description="tiny",
        default_sigma=0.5,
        default_betas={},
        image={},
    )


def attends_to_the_first_row(pipeline: Any) -> None:
    pipeline.unet.set_attn_processor(CrossFrameAttnProcessor(batch_size=2))


def sees_the_mean_of_the_batch(pipeline: Any) -> None:
    pipeline.unet.mid_block.register_forward_hook(lambda _module, _inputs, out: out - out.mean(0, keepdim=True))


def normalises_over_the_batch(pipeline: Any) -> None:
    pipeline.unet.conv_norm_out = torch.nn.BatchNorm2d(8).train()


def decodes_with_the_next_row(pipeline: Any) -> None:
    pipeline.vae.decoder.mid_block.register_forward_hook(lambda _module, _inputs, out: out + 1e-3 * out.roll(1, 0))


def decodes_with_the_last_row_only(pipeline: Any) -> None:
    def second_reads_last(_module: Any, _inputs: Any, out: torch.Tensor) -> torch.Tensor:
        return torch.cat([out[:1], out[1:2] + 1e-3 * out[-1:], out[2:]]) if len(out) > 2 else out

    pipeline.vae.decoder.mid_block.register_forward_hook(second_reads_last)


@pytest.mark.parametrize(
    "spoil",
    [
        attends_to_the_first_row,
        sees_the_mean_of_the_batch,
        normalises_over_the_batch,
        decodes_with_the_next_row,
        decodes_with_the_last_row_only,
    ],
)
def test_a_network_whose_rows_read_each_other_is_refused(spoil: Callable[[Any], None], tmp_path: Path):
    pipeline = tiny.pipeline(tmp_path)
    spoil(pipeline)
    with pytest.raises(InvalidParameters, match="model 'tiny' reads the rows of a batch together") as caught:
        probe("tiny", model_of(pipeline), sixteen_bits=False)
    assert "\n" not in str(caught.value)


def multiplied_by_its_size(pipeline: Any) -> None:
    pipeline.unet.mid_block.register_forward_hook(lambda _module, _inputs, out: out * len(out))


def shifted_by_its_size(pipeline: Any) -> None:
    pipeline.vae.decoder.conv_in.register_forward_hook(lambda _module, _inputs, out: out + len(out))


@pytest.mark.parametrize("spoil", [multiplied_by_its_size, shifted_by_its_size])
def test_a_network_that_reads_the_size_of_its_batch_is_refused(spoil: Callable[[Any], None], tmp_path: Path):
    pipeline = tiny.pipeline(tmp_path)
    spoil(pipeline)
    with pytest.raises(InvalidParameters, match="draws another picture alone than in a batch of 3"):
        probe("tiny", model_of(pipeline), sixteen_bits=False)


@pytest.mark.parametrize("vae", [tiny.vae, tiny.small_vae, tiny.asymmetric_vae])
def test_a_network_whose_rows_are_their_own_passes(vae: Any, tmp_path: Path):
    assert probe("tiny", model_of(tiny.pipeline(tmp_path, vae=vae())), sixteen_bits=False) is None


@pytest.mark.parametrize(
    "kind",
    [
        "PNDMScheduler",
        "EulerAncestralDiscreteScheduler",
        "DDPMScheduler",
        "LCMScheduler",
        "DPMSolverMultistepScheduler",
    ],
)
def test_every_scheduler_that_keeps_rows_apart_is_loaded(kind: str, tmp_path: Path):
    scheduler = getattr(diffusers, kind).from_config(tiny.scheduler().config)
    assert tiny.load(tiny.save(tmp_path, scheduler=scheduler)).image.scheduler == kind


def test_a_scheduler_that_is_not_offered_is_refused_as_a_models_own(tmp_path: Path):
    with pytest.raises(InvalidParameters, match=r"has the scheduler EDMEulerScheduler, .* such as EulerDiscrete"):
        tiny.load(tiny.save(tmp_path, scheduler=diffusers.EDMEulerScheduler()))


@pytest.mark.parametrize(
    "components",
    [{"unet": lambda: tiny.unet(cross_attention_dim=24)}, {"vae": lambda: tiny.vae(latent_channels=3)}],
    ids=["another-text-encoders-network", "another-networks-autoencoder"],
)
def test_parts_that_do_not_fit_together_are_refused_in_one_line(components: dict[str, Any], tmp_path: Path):
    folder = tiny.save(tmp_path, **{name: build() for name, build in components.items()})
    with pytest.raises(OSError, match=r"model 'tiny' cannot draw a picture .* its parts do not fit together") as caught:
        tiny.load(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_in_16_bits_the_share_of_rows_that_change_with_the_batch_size_is_measured(dtype: str, pipeline_folder: Path):
    model = load_generator(f"tiny={pipeline_folder}", CPU.model_copy(update={"dtype": dtype}))
    assert isinstance(model, DiffusionModel)
    assert model.batch_sensitivity in [k / 8 for k in range(9)]


def test_a_network_that_reads_the_size_of_its_batch_changes_every_row_in_16_bits(tmp_path: Path):
    pipeline = tiny.pipeline(tmp_path).to(torch.bfloat16)
    assert probe("tiny", model_of(pipeline), sixteen_bits=True) < 1
    shifted_by_its_size(pipeline)
    assert probe("tiny", model_of(pipeline), sixteen_bits=True) == 1


def test_in_32_bits_nothing_is_measured(picture_model: DiffusionModel):
    assert picture_model.batch_sensitivity is None
