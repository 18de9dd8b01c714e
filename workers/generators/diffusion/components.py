"""The networks of a pipeline's folder, each loaded whole or refused."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import diffusers
import torch
import transformers
from diffusers.pipelines.stable_diffusion import StableDiffusionSafetyChecker
from huggingface_hub import list_repo_files, snapshot_download

from smoothgen.errors import InvalidParameters
from workers.loading.complete_weights import require_complete

_TAKEN: Final[dict[str, dict[str, Any]]] = {
    "unet": {"UNet2DConditionModel": diffusers.UNet2DConditionModel},
    "vae": {
        "AutoencoderKL": diffusers.AutoencoderKL,
        "AutoencoderTiny": diffusers.AutoencoderTiny,
        "AsymmetricAutoencoderKL": diffusers.AsymmetricAutoencoderKL,
    },
    "safety_checker": {"StableDiffusionSafetyChecker": StableDiffusionSafetyChecker},
}
"""The classes of each network. Among autoencoders, those whose picture is a function of its own latent alone: a video
decoder reads the rows of a batch as frames, and a consistency decoder is a second sampler."""

_PATTERNS: Final = (
    "*lora*.safetensors",
    "*lora*.bin",
    "adapter_*",
    "*ip-adapter*",
    "*ip_adapter*",
    "*learned_embeds*",
    "*custom_diffusion*",
    "*textual_inversion*",
)
"""Files that diffusers and peft write for changes to a model: diffusers reads none of them with the pipeline."""


def load_networks(name: str, source: str | Path, index: Mapping[str, Any], dtype: torch.dtype) -> dict[str, Any]:
    """Returns U-Net and autoencoder by name, and text encoder and safety checker where the pipeline has them, else
    None.

    Raises InvalidParameters for a class that is not taken, OSError for a file that lacks tensors or has others.
    """
    refuse_adapters(name, source)
    found: dict[str, Any] = {}
    for component in ("unet", "vae", "text_encoder", "safety_checker"):
        network = _class_of(name, component, (index.get(component) or (None, None))[1])
        found[component] = None if network is None else _whole(name, component, network, source, dtype)
    return found


def refuse_adapters(name: str, source: str | Path) -> None:
    """Raises InvalidParameters for LoRA weights and other changes that lie beside the pipeline and would be ignored."""
    lying = sorted(file for file in _files(source) if any(fnmatch.fnmatch(_last(file).lower(), p) for p in _PATTERNS))
    if lying:
        raise InvalidParameters(
            f"beside model {name!r} lies {lying[0]!r}: an adapter that would be ignored, and what is served would not "
            "be what the folder holds. Merge it into the weights (diffusers: load_lora_weights, fuse_lora, "
            "unload_lora_weights, save_pretrained; load_textual_inversion, save_pretrained), or remove the file"
        )


def _files(source: str | Path) -> list[str]:
    folder = Path(source)
    if not folder.is_dir():
        try:
            return [str(file) for file in list_repo_files(str(source))]
        except Exception:  # no hub: what is served is what an earlier start has fetched
            folder = Path(snapshot_download(str(source), local_files_only=True))
    return [str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()]


def _last(file: str) -> str:
    return file.replace("\\", "/").rpartition("/")[2]


def _class_of(name: str, component: str, kind: str | None) -> Any:
    """Returns the class a model_index.json names. Raises InvalidParameters for one that is not taken."""
    if kind is None and component in ("text_encoder", "safety_checker"):
        return None
    if component != "text_encoder":
        taken = _TAKEN[component].get(str(kind))
        if taken is None:
            raise InvalidParameters(
                f"component {component!r} of model {name!r} is a {kind!r}; taken are {', '.join(_TAKEN[component])}"
            )
        return taken
    network = getattr(transformers, str(kind), None)
    if not (isinstance(network, type) and issubclass(network, transformers.PreTrainedModel)):
        raise InvalidParameters(f"the text encoder of model {name!r} is a {kind!r}, which transformers does not know")
    return network


def _whole(name: str, component: str, network: Any, source: str | Path, dtype: torch.dtype) -> Any:
    loaded, report = network.from_pretrained(
        source,
        subfolder=component,
        dtype=dtype,
        use_safetensors=True,  # a pickle from a hub is code
        output_loading_info=True,
    )
    remedy = "save it again with `save_pretrained` from the pipeline it was trained in"
    if component == "safety_checker":
        remedy += ', or serve it without: "safety_checker": [null, null] in model_index.json'
    require_complete(f"{component!r} of model {name!r}", report, remedy)
    return loaded
