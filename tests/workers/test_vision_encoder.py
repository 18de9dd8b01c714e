"""Vision models from a folder: what they embed, what is refused, and a job certified in their features."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import (
    CLIPConfig,
    CLIPImageProcessorPil,
    CLIPModel,
    ViTConfig,
    ViTImageProcessorPil,
    ViTModel,
)

from smoothgen.certificates import verify
from smoothgen.errors import UnknownName
from tests.support.workers import tiny_diffusion as tiny
from tests.support.workers.settings import CPU
from workers.distances import output_metric
from workers.features.vision_encoder import VisionEncoder
from workers.serving.loaded_model import Encoders, LoadedModel

SIZE = 16
TOWER = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
PATCHES = {"image_size": SIZE, "patch_size": 8}


def clip(folder: Path) -> tuple[Path, CLIPModel]:
    torch.manual_seed(0)
    text = {**TOWER, "vocab_size": 50, "max_position_embeddings": 8}
    model = CLIPModel(CLIPConfig(text_config=text, vision_config={**TOWER, **PATCHES}, projection_dim=12)).eval()
    model.save_pretrained(folder)
    size = {"height": SIZE, "width": SIZE}
    CLIPImageProcessorPil(size={"shortest_edge": SIZE}, crop_size=size).save_pretrained(folder)
    return folder, model


def vit(folder: Path) -> tuple[Path, ViTModel]:
    torch.manual_seed(0)
    model = ViTModel(ViTConfig(**TOWER, **PATCHES)).eval()
    model.save_pretrained(folder)
    ViTImageProcessorPil(size={"height": SIZE, "width": SIZE}).save_pretrained(folder)
    return folder, model


def pictures(count: int, side: int = SIZE) -> list[np.ndarray]:
    return [*np.random.default_rng(0).integers(0, 256, (count, side, side, 3), dtype=np.uint8)]


def normalised(raw: torch.Tensor) -> np.ndarray:
    return torch.nn.functional.normalize(raw.double(), dim=1).numpy()


def test_clip_embeds_through_its_image_tower_and_projection(tmp_path: Path):
    folder, model = clip(tmp_path)
    encoder, shown = VisionEncoder.load(str(folder)), pictures(3)
    inputs = CLIPImageProcessorPil.from_pretrained(folder)(images=[*map(Image.fromarray, shown)], return_tensors="pt")
    with torch.inference_mode():
        expected = model.visual_projection(model.vision_model(**inputs).pooler_output)
    found = encoder.features(shown)
    assert found.shape == (3, 12)
    assert np.allclose(found, normalised(expected), atol=1e-6)
    assert encoder.name == f"{folder} (local)"


def test_vit_embeds_by_its_pooled_state(tmp_path: Path):
    folder, model = vit(tmp_path)
    encoder, shown = VisionEncoder.load(str(folder)), pictures(3)
    inputs = ViTImageProcessorPil.from_pretrained(folder)(images=[*map(Image.fromarray, shown)], return_tensors="pt")
    with torch.inference_mode():
        expected = model(**inputs).pooler_output
    assert np.allclose(encoder.features(shown), normalised(expected), atol=1e-6)


@pytest.mark.parametrize("build", [clip, vit])
def test_features_lie_on_the_sphere_whatever_the_batch(build, tmp_path: Path):
    encoder, shown = VisionEncoder.load(str(build(tmp_path)[0])), pictures(40, side=24)  # more than one batch
    together = encoder.features(shown)
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-12)
    assert np.allclose(together[[0, 31, 39]], encoder.features([shown[k] for k in (0, 31, 39)]), atol=1e-5)


@pytest.mark.parametrize("build", [clip, vit])
def test_a_job_is_certified_in_a_vision_models_features(build, tmp_path: Path):
    folder = str(build(tmp_path / "vision")[0])
    settings = CPU.model_copy(update={"vision_models": [folder]})
    model = tiny.load(tiny.save(tmp_path / "pipeline"))
    served = LoadedModel(model, Encoders(settings), settings)
    assert {m.name: m.models for m in served.card.metrics} == {"pixel-rmse": None, "vision-chord": [folder]}
    job = tiny.spec(tiny.parameters(), metric={"name": "vision-chord", "model": folder}, samples=40, tolerance=0.9)
    metric = output_metric(job.metric, served)
    certificate = tiny.run(job, model, metric=metric).certificate
    assert certificate is not None
    assert verify(certificate).valid
    assert certificate["metric"]["name"] == "vision-chord"
    assert certificate["metric"]["options"] == {"encoder": f"{folder} (local)"}
    assert served.vision(folder) is served.vision(folder)  # loaded once


def test_a_vision_model_the_server_does_not_offer_is_refused(tmp_path: Path):
    settings = CPU.model_copy(update={"vision_models": ["offered/one"]})
    with pytest.raises(UnknownName, match="'any/other'; known: offered/one") as caught:
        Encoders(settings).vision("any/other")
    assert caught.value.field == "robustness.metric.model"


def test_a_pickled_vision_model_is_refused(tmp_path: Path):
    folder, model = vit(tmp_path)
    (folder / "model.safetensors").unlink()
    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    with pytest.raises(OSError, match="folder with safetensors and an image processor") as caught:
        VisionEncoder.load(str(folder))
    assert "\n" not in str(caught.value)


def test_a_folder_that_holds_no_vision_model_is_one_clear_line(tmp_path: Path):
    with pytest.raises(OSError, match="cannot be loaded") as caught:
        VisionEncoder.load(str(tmp_path))
    assert "\n" not in str(caught.value)
