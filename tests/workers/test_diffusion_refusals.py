"""Pipelines that are not taken, each with its reason: other ways in for the prompt, foreign code, pickles."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from smoothgen.errors import InvalidParameters
from smoothgen.noise import Seed, Stream
from tests.support.workers import tiny_diffusion as tiny
from tests.support.workers.settings import CPU
from workers.generators import Draw, Smoothing, load_generator
from workers.generators.diffusion import is_pipeline


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.save(tmp_path_factory.mktemp("pipeline"))


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    """A copy that a test may spoil."""
    return Path(shutil.copytree(whole, tmp_path / "model"))


def alter(folder: Path, **entries: Any) -> Path:
    index = folder / "model_index.json"
    index.write_text(json.dumps({**json.loads(index.read_text(encoding="utf-8")), **entries}), encoding="utf-8")
    return folder


def test_a_whole_folder_is_served_under_its_name_with_the_digest_of_its_weights(whole: Path, tmp_path: Path):
    model = tiny.load(whole)
    assert model.identity.name == "tiny"
    assert model.identity.revision == "local"
    assert tiny.load(whole).identity == model.identity
    for part in ("unet", "vae"):
        network = getattr(tiny, part)()
        with torch.no_grad():
            next(network.parameters()).view(-1)[0] += 1e-6
        altered = tiny.load(tiny.save(tmp_path / part, **{part: network}))
        assert altered.identity.digest != model.identity.digest
    assert load_generator(str(whole), CPU).identity.name == str(whole)


def test_the_text_encoders_weights_are_in_the_digest_too(whole: Path, tmp_path: Path):
    encoder = tiny.text_encoder(len(tiny.tokenizer(tmp_path / "words")))
    same = tiny.load(tiny.save(tmp_path / "same", text_encoder=encoder))
    assert same.identity.digest == tiny.load(whole).identity.digest
    with torch.no_grad():
        next(encoder.parameters()).view(-1)[0] += 1e-3
    other = tiny.load(tiny.save(tmp_path / "other", text_encoder=encoder))
    assert other.identity.digest != same.identity.digest


def test_an_image_to_image_folder_of_the_same_family_is_served(folder: Path):
    tiny.load(alter(folder, _class_name="StableDiffusionImg2ImgPipeline"))


@pytest.mark.parametrize(
    "kind",
    [
        "StableDiffusionXLPipeline",
        "FluxPipeline",
        "StableDiffusionInpaintPipeline",
        "NoSuchPipeline",
        None,
        ["pipeline", "StableDiffusionPipeline"],  # diffusers' spelling of a pipeline whose code lies in the folder
    ],
)
def test_a_pipeline_of_another_family_is_refused_before_its_weights_are_read(kind: Any, folder: Path):
    shutil.rmtree(folder / "unet")  # reading them would fail otherwise
    with pytest.raises(InvalidParameters, match="only path from prompt to picture is prompt_embeds") as caught:
        tiny.load(alter(folder, _class_name=kind))
    assert repr(kind) in str(caught.value)


def test_a_component_of_a_foreign_library_is_refused_and_its_code_not_run(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    ran = tmp_path / "ran"
    code = f"open({str(ran)!r}, 'w').close()\nclass Thing:\n    pass\n"
    for place in (folder / "evil.py", folder / "unet" / "evil.py", tmp_path / "importable" / "evil.py"):
        place.parent.mkdir(exist_ok=True)
        place.write_text(code, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path / "importable")
    with pytest.raises(InvalidParameters, match=r"component 'unet' of model 'tiny' comes from 'evil'"):
        tiny.load(alter(folder, unet=["evil", "Thing"]))
    assert not ran.exists()


class Bomb:
    """Unpickled, it leaves a file behind."""

    def __init__(self, mark: Path) -> None:
        self._mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self._mark),)


@pytest.mark.parametrize(
    ("part", "safe", "pickled"),
    [
        ("unet", "diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.bin"),
        ("vae", "diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.bin"),
        ("text_encoder", "model.safetensors", "pytorch_model.bin"),
    ],
)
def test_weights_that_are_only_pickled_are_refused_and_not_unpickled(
    part: str, safe: str, pickled: str, folder: Path, tmp_path: Path
):
    (folder / part / safe).unlink()
    torch.save({"weight": Bomb(tmp_path / "ran")}, folder / part / pickled)
    with pytest.raises(OSError, match="folder in diffusers' layout with safetensors") as caught:
        tiny.load(folder)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"class_embed_type": "timestep"}, "class_embed_type='timestep': a second condition"),
        ({"num_class_embeds": 10}, "num_class_embeds=10: a second condition"),
        (
            {"addition_embed_type": "text", "addition_embed_type_num_heads": 4, "encoder_hid_dim": None},
            "addition_embed_type='text': a second condition",
        ),
        (
            {"encoder_hid_dim_type": "image_proj", "encoder_hid_dim": 8},
            "encoder_hid_dim_type='image_proj': it takes image conditions",
        ),
        ({"in_channels": 9}, "reads 9 channels and writes 4: an inpainting or depth model"),
    ],
)
def test_a_network_that_is_told_more_than_the_embedding_is_refused(
    options: dict[str, Any], reason: str, tmp_path: Path
):
    with pytest.raises(InvalidParameters, match="the noise would not cover") as caught:
        tiny.load(tiny.save(tmp_path, unet=tiny.unet(**options)))
    assert reason in str(caught.value)


def test_a_folder_without_a_text_encoder_and_without_a_head_is_refused(tmp_path: Path):
    folder = tiny.save(tmp_path, text_encoder=None, tokenizer=None)
    with pytest.raises(OSError, match="neither a text encoder with its tokenizer nor a text_head folder"):
        tiny.load(folder)


@pytest.mark.parametrize("part", ["unet/config.json", "vae", "scheduler"])
def test_a_folder_with_a_part_missing_is_one_clear_line(part: str, folder: Path):
    missing = folder / part
    shutil.rmtree(missing) if missing.is_dir() else missing.unlink()
    with pytest.raises(OSError, match=r"model 'tiny' cannot be loaded from .*folder in diffusers' layout") as caught:
        tiny.load(folder)
    assert "\n" not in str(caught.value)


def test_an_index_that_is_not_json_is_one_clear_line(folder: Path):
    (folder / "model_index.json").write_text("{", encoding="utf-8")
    with pytest.raises(OSError, match="cannot be loaded from") as caught:
        tiny.load(folder)
    assert "\n" not in str(caught.value)


def test_a_folder_that_is_not_there_is_one_clear_line(tmp_path: Path):
    assert not is_pipeline(str(tmp_path))
    with pytest.raises(OSError, match="there is no folder or file '/no/such/folder' here") as caught:
        tiny.load(Path("/no/such/folder"))
    assert "\n" not in str(caught.value)


def test_a_network_that_is_not_square_is_refused(tmp_path: Path):
    with pytest.raises(InvalidParameters, match=r"sample_size=\[8, 16\].*takes a square one"):
        tiny.load(tiny.save(tmp_path, unet=tiny.unet(sample_size=(8, 16))))


def test_a_folder_without_its_tokenizers_files_is_refused(folder: Path):
    # transformers reads such a folder as a tokenizer of no words, to which all prompts are the same.
    shutil.rmtree(folder / "tokenizer")
    with pytest.raises(OSError, match="tokenizer of model 'tiny' knows no words"):
        tiny.load(folder)


def test_a_tokenizer_without_a_limit_has_the_text_encoders(folder: Path):
    file = folder / "tokenizer" / "tokenizer_config.json"
    config = json.loads(file.read_text(encoding="utf-8"))
    del config["model_max_length"]
    file.write_text(json.dumps(config), encoding="utf-8")
    model = tiny.load(folder)
    assert model.longest_prompt_tokens == tiny.LONGEST
    common = Draw(Seed(1, "server"), Stream.GENERATOR_COMMON, 0)
    condition = model.condition("a", tiny.parameters(), Smoothing("embedding", 0.5, common))
    assert condition.embedding.shape == (tiny.LONGEST, tiny.WIDTH)
