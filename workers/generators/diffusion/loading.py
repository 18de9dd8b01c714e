"""Where picture models come from: a hub name or a folder in diffusers' own layout."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any, Final

import torch
from diffusers import StableDiffusionPipeline
from huggingface_hub import hf_hub_download, try_to_load_from_cache
from transformers import CLIPTextModel

from smoothgen.certificates import ModelIdentity
from workers.features.picture_classifier import ClassifierNetwork, PictureClassifier
from workers.features.sentence_encoder import SentenceEncoder
from workers.generators.diffusion.adapter import SHAPED, DiffusionModel
from workers.generators.diffusion.compilation import compile_networks, require_compilable
from workers.generators.diffusion.components import load_networks
from workers.generators.diffusion.decoding import SafetyChecker
from workers.generators.diffusion.picture_probe import probe
from workers.generators.diffusion.pipeline_digest import judge_name, pipeline_digest
from workers.generators.diffusion.pipelines import require_family, require_known_paths
from workers.generators.diffusion.prompts import HeadPrompts, PipelinePrompts, PromptEncoder
from workers.generators.diffusion.text_head import TextHead
from workers.generators.diffusion.token_prompts import TokenDiffusion
from workers.generators.diffusion.token_readers import HeadReader, PipelineReader, TokenReader
from workers.loading.broken_files import told_in_one_line
from workers.loading.device import torch_device
from workers.settings import Settings
from workers.stored.shapes import StoredShape, load_shape

_INDEX: Final = "model_index.json"
SERVING: Final = "smoothgen.json"
"""Beside model_index.json: how the model wants to be served, where that differs from Stable Diffusion's habits."""
DEFAULT_SIGMA: Final = 0.1


def is_pipeline(source: str) -> bool:
    """Returns whether a folder or hub name holds a diffusers pipeline. False where the hub cannot be asked."""
    if Path(source).exists():
        return (Path(source) / _INDEX).is_file()
    try:
        if isinstance(try_to_load_from_cache(source, "config.json"), str):  # a model, not a pipeline; no need to ask
            return False
        hf_hub_download(source, _INDEX)
    except Exception:  # no such file, no such name, no hub: loading it as a language model will say which
        return False
    return True


def load_diffusion(name: str, source: str | Path, settings: Settings) -> DiffusionModel:
    """Returns a Stable Diffusion pipeline, safetensors only. Raises InvalidParameters for another kind, OSError."""
    device = torch_device(settings)
    if settings.compile:
        require_compilable(name, settings.dtype, device)
    with told_in_one_line(
        f"model {name!r} cannot be loaded from {str(source)!r}",
        "give the name of a hub model this machine can reach, or a folder in diffusers' layout with safetensors",
    ):
        index = StableDiffusionPipeline.load_config(str(source))
        require_family(name, index)
        networks = load_networks(name, source, index, getattr(torch, settings.dtype))
        checking = networks.pop("safety_checker")
        # Without a checker nothing asks for its feature extractor, and without an image prompt for an image encoder.
        unused = ("safety_checker", "image_encoder", *(("feature_extractor",) if checking is None else ()))
        pipeline = StableDiffusionPipeline.from_pretrained(
            source,
            trust_remote_code=False,
            requires_safety_checker=False,
            **{**_absent(index), **networks, **dict.fromkeys(unused)},
        )
        folder = Path(source)
        head = TextHead.load(folder / "text_head") if (folder / "text_head").is_dir() else None
        serving = json.loads((folder / SERVING).read_text(encoding="utf-8")) if (folder / SERVING).is_file() else {}
        judge = ClassifierNetwork.load(folder / "judge") if (folder / "judge").is_dir() else None
    require_known_paths(name, pipeline.unet)
    pipeline.to(device)
    if device.startswith("cuda") and settings.dtype != "float32":
        for network in (pipeline.unet, pipeline.vae):
            network.to(memory_format=torch.channels_last)  # the layout that tensor cores compute in
    checker = None if checking is None else _checker(name, checking.to(device), pipeline)
    classifier = PictureClassifier(judge, judge_name(judge), device) if judge is not None else None
    encoder = None if head is None else _encoder(name, head, device)
    if head is None or encoder is None:
        own = _prompts(name, pipeline)
        prompts: PromptEncoder = own
        reader = _pipeline_reader(pipeline, own)
    else:
        prompts, reader = HeadPrompts(encoder, head), HeadReader(encoder, head)
    stored = load_shape(name, settings.calibrations)
    if stored is not None:
        _require_fit(name, stored, prompts)
    digest = pipeline_digest(pipeline, checker=checker, head=head, encoder=encoder)
    kind: Any = DiffusionModel if reader is None else partial(TokenDiffusion, reader=reader)
    model: DiffusionModel = kind(
        pipeline,
        prompts,
        identity=ModelIdentity(name, _revision(index, serving), digest),
        description=serving.get("description", f"Stable Diffusion pipeline {source}"),
        default_sigma=serving.get("default_sigma", DEFAULT_SIGMA),
        default_betas=serving.get("default_betas", {}) | ({} if stored is None else {SHAPED: stored.sigma}),
        image=serving.get("image", {}),
        classifier=classifier,
        shape=None if stored is None else stored.noise_shape,
        checker=checker,
    )
    if settings.compile:  # after the digest, which is of the weights, and before the probe, which runs what is served
        compile_networks(pipeline)
        model.compiled = True
    model.batch_sensitivity = probe(name, model, sixteen_bits=settings.dtype in ("bfloat16", "float16"))
    return model


def _pipeline_reader(pipeline: Any, prompts: PipelinePrompts) -> TokenReader | None:
    """Returns the reader of CLIP's tokens; None for another text encoder, which may read ids beside their
    embeddings."""
    return PipelineReader(pipeline, prompts) if isinstance(pipeline.text_encoder, CLIPTextModel) else None


def _require_fit(name: str, stored: StoredShape, prompts: PromptEncoder) -> None:
    """Raises OSError for a shape of another dimension than the model's x: it was learnt for another model."""
    dimension = prompts.encode("", None).embedding.size
    if stored.noise_shape.dimension != dimension:
        raise OSError(
            f"the noise shape stored for model {name!r} is one of {stored.noise_shape.dimension} numbers and its "
            f"prompts are {dimension}; learn it again with `smoothgen calibrate --model {name} --shape`, or remove it"
        )


def _absent(index: dict[str, Any]) -> dict[str, None]:
    """Returns the components a pipeline was saved without; diffusers wants to be told."""
    return {name: None for name, value in index.items() if isinstance(value, list | tuple) and value[0] is None}


def _checker(name: str, network: Any, pipeline: Any) -> SafetyChecker:
    """Returns the safety checker, to be run beside the pipeline and not in it: it must see only pictures that are
    whole.

    Raises OSError for a checker without the feature extractor that it needs.
    """
    extractor = pipeline.feature_extractor
    pipeline.register_modules(feature_extractor=None)
    if extractor is None:
        raise OSError(
            f"model {name!r} has a safety checker and no feature extractor, without which it sees nothing: add "
            'the folder, or serve it without: "safety_checker": [null, null] in model_index.json'
        )
    return SafetyChecker(network, extractor)


def _encoder(name: str, head: TextHead, device: str) -> SentenceEncoder:
    encoder = SentenceEncoder.packaged(device)
    if encoder.name != head.config.encoder:
        raise OSError(
            f"the text head of model {name!r} was trained on {head.config.encoder}, and installed is "
            f"{encoder.name}: install that version"
        )
    return encoder


def _prompts(name: str, pipeline: Any) -> PipelinePrompts:
    if pipeline.text_encoder is None or pipeline.tokenizer is None:
        raise OSError(f"model {name!r} has neither a text encoder with its tokenizer nor a text_head folder")
    words = set(pipeline.tokenizer.get_vocab()) - set(pipeline.tokenizer.all_special_tokens)
    if not words:  # transformers makes an empty one where the files are missing, and every prompt would be the same
        raise OSError(f"the tokenizer of model {name!r} knows no words: its files are missing or empty")
    known = pipeline.text_encoder.get_input_embeddings().num_embeddings
    word, largest = max(pipeline.tokenizer.get_vocab().items(), key=lambda entry: entry[1])
    if largest >= known:
        raise OSError(
            f"the tokenizer of model {name!r} writes {word!r} as token {largest}, and its text encoder knows the "
            f"tokens below {known}: it is not this model's, or `resize_token_embeddings` was forgotten"
        )
    return PipelinePrompts(pipeline)


def _revision(index: dict[str, Any], serving: dict[str, Any]) -> str:
    return str(serving.get("revision") or index.get("_commit_hash") or "local")
