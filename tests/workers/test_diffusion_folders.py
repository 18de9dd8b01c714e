"""What is served is what lies in the folder: whole weights, no adapter ignored, and a digest of all that draws."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import EulerDiscreteScheduler
from safetensors.torch import load_file, save_file
from transformers import ViTConfig, ViTForImageClassification, ViTImageProcessorPil, ViTModel

from smoothgen.errors import InvalidParameters
from tests.support.workers import tiny_diffusion as tiny
from tests.support.workers.settings import CPU
from workers.features.sentence_encoder import SentenceEncoder
from workers.features.vision_encoder import VisionEncoder
from workers.generators import load_generator
from workers.generators.folders import SHIPPED

Tensors = dict[str, torch.Tensor]
UNET, VAE = "unet/diffusion_pytorch_model.safetensors", "vae/diffusion_pytorch_model.safetensors"
TEXT, CHECKER = "text_encoder/model.safetensors", "safety_checker/model.safetensors"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.save(tmp_path_factory.mktemp("pipeline"), **tiny.safety_checker(2.0))


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    """A copy that a test may spoil."""
    return Path(shutil.copytree(whole, tmp_path / "model"))


def rewrite(file: Path, change: Callable[[Tensors], Tensors]) -> None:
    save_file({k: t.contiguous() for k, t in change(load_file(file)).items()}, file, metadata={"format": "pt"})


def edit(file: Path, **entries: Any) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text(encoding="utf-8")), **entries}), encoding="utf-8")


def without(part: str) -> Callable[[Tensors], Tensors]:
    return lambda tensors: {k: t for k, t in tensors.items() if part not in k}


def prefixed(tensors: Tensors) -> Tensors:
    return {f"module.{k}": t for k, t in tensors.items()}


def surplus(tensors: Tensors) -> Tensors:
    return {**tensors, "later.weight": torch.ones(2)}


def grafted(tensors: Tensors) -> Tensors:
    """With a LoRA that was never merged."""
    name = next(k for k in sorted(tensors) if k.endswith(("to_q.weight", "q_proj.weight")))
    return {**tensors, name.replace(".weight", ".lora_A.default.weight"): torch.ones(4, tensors[name].shape[1])}


@pytest.mark.parametrize(
    ("file", "change", "named"),
    [
        (UNET, without("mid_block.resnets.1"), r"'unet' of model 'tiny' lacks the tensors mid_block.resnets.1"),
        (UNET, without("conv_out.bias"), "lacks the tensors conv_out.bias; save it again"),
        (UNET, prefixed, "lacks the tensors conv_in.bias, .* more and has tensors the network does not: module.conv"),
        (UNET, surplus, "has tensors the network does not: later.weight; save it again"),
        (UNET, grafted, r"has tensors the network does not: .*lora_A.default.weight"),
        (VAE, without("decoder.mid_block"), r"'vae' of model 'tiny' lacks the tensors decoder.mid_block"),
        (VAE, without("quant_conv"), "lacks the tensors post_quant_conv.bias, .* and 1 more"),
        (VAE, prefixed, "'vae' of model 'tiny' lacks the tensors decoder"),
        (TEXT, without("layers.1.mlp"), r"'text_encoder' of model 'tiny' lacks the tensors encoder.layers.1.mlp.fc1"),
        (TEXT, without("position_embedding"), "lacks the tensors embeddings.position_embedding.weight; save"),
        (TEXT, prefixed, "'text_encoder' of model 'tiny' lacks the tensors embeddings"),
        (TEXT, surplus, "has tensors the network does not: later.weight; save it again"),
        (TEXT, grafted, r"has tensors the network does not: .*lora_A.default.weight"),
        (CHECKER, without("visual_projection"), r"lacks the tensors visual_projection.weight; .*\[null, null\]"),
        (CHECKER, prefixed, "'safety_checker' of model 'tiny' lacks the tensors"),
    ],
)
def test_a_pipelines_weight_file_with_gaps_or_more_than_the_network_is_refused(
    file: str, change: Callable[[Tensors], Tensors], named: str, folder: Path
):
    rewrite(folder / file, change)
    with pytest.raises(OSError, match=named) as caught:
        tiny.load(folder)
    assert "\n" not in str(caught.value)


def test_files_that_older_libraries_wrote_are_whole(folder: Path):
    """Keys renamed since: the same network, to the digest."""
    now = tiny.load(folder).identity.digest
    old = {".to_q.": ".query.", ".to_k.": ".key.", ".to_v.": ".value.", ".to_out.0.": ".proj_attn."}

    def aged(tensors: Tensors) -> Tensors:
        found = {}
        for key, tensor in tensors.items():
            for new, before in old.items():
                key = key.replace(new, before)
            found[key] = tensor
        return found

    rewrite(folder / VAE, aged)
    positions = torch.arange(tiny.LONGEST)[None]
    rewrite(
        folder / TEXT,
        lambda tensors: {
            **{f"text_model.{k}": t for k, t in tensors.items()},
            "text_model.embeddings.position_ids": positions,
        },
    )
    rewrite(
        folder / CHECKER,
        lambda tensors: {k.replace("vision_model.", "vision_model.vision_model."): t for k, t in tensors.items()},
    )
    assert tiny.load(folder).identity.digest == now


@pytest.mark.parametrize(
    "file",
    [
        "pytorch_lora_weights.safetensors",
        "pytorch_lora_weights.bin",
        "unet/pytorch_lora_weights.safetensors",
        "unet/adapter_config.json",
        "text_encoder/adapter_model.safetensors",
        "lora/style-lora.safetensors",
        "learned_embeds.safetensors",
        "ip-adapter_sd15.safetensors",
    ],
)
def test_an_adapter_beside_the_pipeline_is_refused_with_the_remedy(file: str, folder: Path):
    (folder / file).parent.mkdir(exist_ok=True)
    (folder / file).write_bytes(b"{}")
    with pytest.raises(InvalidParameters, match=rf"beside model 'tiny' lies '{file}': an adapter .*fuse_lora") as e:
        tiny.load(folder)
    assert "\n" not in str(e.value)


def test_what_lies_beside_a_pipeline_and_is_no_adapter_is_left_alone(folder: Path):
    for file in ("README.md", "v1-5-pruned.safetensors", "unet/notes.txt"):
        (folder / file).write_bytes(b"")
    assert tiny.load(folder).identity == tiny.load(folder).identity


@pytest.mark.parametrize(
    ("component", "kind"),
    [
        ("text_encoder_2", ["transformers", "CLIPTextModelWithProjection"]),
        ("controlnet", ["diffusers", "ControlNetModel"]),
        ("prior", ["diffusers", "PriorTransformer"]),
    ],
)
def test_a_component_the_pipeline_would_ignore_is_refused(component: str, kind: list[str], folder: Path):
    edit(folder / "model_index.json", **{component: kind})
    with pytest.raises(InvalidParameters, match=f"has a component '{component}', which .* would be ignored"):
        tiny.load(folder)


@pytest.mark.parametrize(
    ("component", "kind"),
    [("unet", "UNetMotionModel"), ("unet", "UNet3DConditionModel"), ("text_encoder", "NoSuchModel")],
)
def test_a_network_of_another_class_is_refused(component: str, kind: str, folder: Path):
    index = json.loads((folder / "model_index.json").read_text(encoding="utf-8"))
    edit(folder / "model_index.json", **{component: [index[component][0], kind]})
    with pytest.raises(InvalidParameters, match=f"model 'tiny' is a '{kind}'"):
        tiny.load(folder)


@pytest.mark.parametrize(
    "kind",
    [
        "StableDiffusion3Pipeline",
        "PixArtAlphaPipeline",
        "StableDiffusionControlNetPipeline",
        "StableDiffusionGLIGENPipeline",
    ],
)
def test_other_families_stay_refused(kind: str, folder: Path):
    edit(folder / "model_index.json", _class_name=kind)
    with pytest.raises(InvalidParameters, match="only path from prompt to picture is prompt_embeds"):
        tiny.load(folder)


@pytest.mark.parametrize("options", [{"attention_type": "gated"}, {"encoder_hid_dim_type": "ip_image_proj"}])
def test_a_network_with_a_way_in_beside_the_prompt_is_refused(options: dict[str, Any], folder: Path):
    if "attention_type" in options:  # a network of its own, with layers for boxes
        folder = tiny.save(folder / "boxes", unet=tiny.unet(**options))
    else:
        edit(folder / "unet" / "config.json", **options)
    with pytest.raises((InvalidParameters, OSError), match=r"boxes and their words|ip_image_proj") as caught:
        tiny.load(folder)
    assert "\n" not in str(caught.value)


def reworded(folder: Path) -> None:
    """ "ab" becomes two tokens."""
    (folder / "tokenizer" / "merges.txt").unlink(missing_ok=True)
    file = folder / "tokenizer" / "tokenizer.json"
    words = json.loads(file.read_text(encoding="utf-8"))
    assert words["model"]["merges"]
    words["model"]["merges"] = []
    file.write_text(json.dumps(words), encoding="utf-8")


def rescheduled(folder: Path) -> None:
    shutil.rmtree(folder / "scheduler")
    EulerDiscreteScheduler.from_config(tiny.scheduler().config).save_pretrained(folder / "scheduler")
    edit(folder / "model_index.json", scheduler=["diffusers", "EulerDiscreteScheduler"])


def unchecked(folder: Path) -> None:
    edit(folder / "model_index.json", safety_checker=[None, None])


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: edit(folder / "scheduler" / "scheduler_config.json", beta_end=0.013),
        lambda folder: edit(folder / "scheduler" / "scheduler_config.json", prediction_type="v_prediction"),
        rescheduled,
        lambda folder: edit(folder / "vae" / "config.json", scaling_factor=0.5),
        lambda folder: edit(folder / "unet" / "config.json", act_fn="gelu"),
        lambda folder: edit(folder / "unet" / "config.json", norm_num_groups=2),
        lambda folder: edit(folder / "text_encoder" / "config.json", hidden_act="gelu"),
        lambda folder: edit(folder / "text_encoder" / "config.json", layer_norm_eps=1e-3),
        lambda folder: edit(folder / "tokenizer" / "tokenizer_config.json", model_max_length=50),
        reworded,
        unchecked,
        lambda folder: edit(folder / "feature_extractor" / "preprocessor_config.json", image_mean=[0.1, 0.1, 0.1]),
        lambda folder: rewrite(folder / CHECKER, lambda t: {**t, "concept_embeds_weights": torch.full((17,), 1.5)}),
    ],
    ids=[
        "betas",
        "prediction",
        "scheduler",
        "scaling",
        "activation",
        "groups",
        "hidden-act",
        "epsilon",
        "window",
        "merges",
        "unchecked",
        "seen-by-the-checker",
        "checker",
    ],
)
def test_whatever_changes_a_picture_changes_the_digest(change: Callable[[Path], None], whole: Path, folder: Path):
    change(folder)
    assert tiny.load(folder).identity.digest != tiny.load(whole).identity.digest


def test_what_changes_no_picture_leaves_the_digest(whole: Path, folder: Path):
    for part in ("unet", "vae"):
        edit(folder / part / "config.json", _diffusers_version="0.30.0", _name_or_path="/somewhere/else")
    edit(folder / "text_encoder" / "config.json", transformers_version="4.0.0", _name_or_path="/somewhere/else")
    edit(folder / "scheduler" / "scheduler_config.json", _diffusers_version="0.30.0")
    edit(folder / "tokenizer" / "tokenizer_config.json", name_or_path="/somewhere/else")
    (folder / "README.md").write_text("a model", encoding="utf-8")
    assert tiny.load(folder).identity.digest == tiny.load(whole).identity.digest


@pytest.fixture
def shipped(tmp_path: Path) -> Path:
    """The default picture model and the smaller ones that share its head, side by side as they are shipped."""
    for name in ("fashion-32", "fashion-lipschitz-32", "fashion-gan-32"):
        shutil.copytree(SHIPPED / name, tmp_path / name)
    return tmp_path


def fashion(folder: Path) -> Any:
    return load_generator(f"mine={folder / 'fashion-32'}", CPU)


def test_the_text_heads_and_the_judges_configurations_are_in_their_digests(shipped: Path):
    before = fashion(shipped)
    assert fashion(shipped).identity == before.identity
    for part, key in (("text_head", "parts"), ("judge", "parts")):
        file = shipped / "fashion-32" / part / "config.json"
        parts = json.loads(file.read_text(encoding="utf-8"))[key]
        name = next(iter(parts))
        edit(file, **{key: {**parts, name: [*reversed(parts[name])]}})
    after = fashion(shipped)
    assert after.identity.digest != before.identity.digest
    assert after.classifier.name != before.classifier.name


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("fashion-32/text_head/model.safetensors", "fashion-32"),
        ("fashion-32/judge/model.safetensors", "fashion-32"),
        ("fashion-lipschitz-32/network.safetensors", "fashion-lipschitz-32"),
        ("fashion-gan-32/generator.safetensors", "fashion-gan-32"),
    ],
)
@pytest.mark.parametrize("change", [prefixed, surplus, lambda tensors: dict(sorted(tensors.items())[1:])])
def test_the_shipped_models_smaller_networks_are_whole_or_refused(
    change: Callable[[Tensors], Tensors], file: str, name: str, shipped: Path
):
    removed = sorted(load_file(shipped / file))[0]
    rewrite(shipped / file, change)
    with pytest.raises(OSError, match=rf"{removed}|module\.|later\.weight") as caught:
        load_generator(f"mine={shipped / name}", CPU)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("change", [prefixed, surplus, without("head.layers.0.bias"), without("table")])
def test_a_bottleneck_is_whole_or_refused(change: Callable[[Tensors], Tensors], tmp_path: Path):
    folder = Path(shutil.copytree(SHIPPED / "smollm2-135m-bottleneck", tmp_path / "bottleneck"))
    rewrite(folder / "model.safetensors", change)
    with pytest.raises(OSError, match=r"the weight file of the bottleneck in 'bottleneck' (lacks|has) .*") as caught:
        load_generator(f"mine={folder}", CPU)
    assert "\n" not in str(caught.value)


def vit(folder: Path, kind: Any) -> Path:
    """A vision model's folder."""
    torch.manual_seed(8)
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    kind(ViTConfig(**sizes, image_size=16, patch_size=8)).save_pretrained(folder)
    ViTImageProcessorPil(size={"height": 16, "width": 16}).save_pretrained(folder)
    return folder


def test_features_never_come_from_newly_initialised_layers(tmp_path: Path):
    # A classifier's file has no pooler, and transformers would make one of random numbers.
    with pytest.raises(OSError, match=r"lacks the tensors pooler.dense.bias, pooler.dense.weight; give an encoder"):
        VisionEncoder.load(str(vit(tmp_path / "classifier", ViTForImageClassification)))
    for name, change in (("layer", without("layer.1.")), ("prefix", prefixed)):
        folder = vit(tmp_path / name, ViTModel)
        rewrite(folder / "model.safetensors", change)
        with pytest.raises(OSError, match="lacks the tensors"):
            VisionEncoder.load(str(folder))
    folder = vit(tmp_path / "deeper", ViTModel)
    edit(folder / "config.json", num_hidden_layers=1)
    with pytest.raises(OSError, match="has tensors the network does not"):
        VisionEncoder.load(str(folder))
    VisionEncoder.load(str(vit(tmp_path / "whole", ViTModel)))


def test_a_sentence_encoder_with_gaps_is_refused(tmp_path: Path):
    packaged = SentenceEncoder.packaged()
    packaged.network.save_pretrained(tmp_path)
    packaged.tokenizer.save_pretrained(tmp_path)
    SentenceEncoder.load(tmp_path, "whole")
    rewrite(tmp_path / "model.safetensors", without("layer.3.output.dense"))
    with pytest.raises(OSError, match=r"sentence encoder 'mine' lacks the tensors encoder.layer.3.output.dense.bias"):
        SentenceEncoder.load(tmp_path, "mine")
