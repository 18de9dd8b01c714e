"""Loads a bottleneck model from a folder: bottleneck.json and model.safetensors. Language model and encoder are
packages."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import torch
from safetensors.torch import load_file, save_file

from smoothgen.certificates import ModelIdentity
from smoothgen.errors import SmoothGenError
from workers.features.sentence_encoder import SentenceEncoder
from workers.generators.bottleneck.adapter import BottleneckModel
from workers.generators.bottleneck.head import Head
from workers.generators.bottleneck.soft_prompt import SoftPrompt
from workers.generators.folders import BOTTLENECK_CONFIG
from workers.generators.language.adapter import LanguageModel
from workers.generators.language.loading import load_smollm2
from workers.generators.model_digest import model_digest
from workers.generators.weights import weights_digest
from workers.loading.broken_files import told_in_one_line
from workers.loading.complete_weights import require_complete
from workers.loading.device import torch_device
from workers.settings import Settings

_WEIGHTS: Final = "model.safetensors"
_HEAD, _SOFT_PROMPT = "head.", "soft_prompt."


@dataclass(frozen=True)
class BottleneckConfig:
    """The sizes of a bottleneck model, and what its weights were trained with: `encoder` by its name, `language_model`
    by its name and the digest of its weights."""

    description: str
    revision: str
    default_sigma: float
    encoder: str
    language_model: str
    language_model_digest: str
    encoder_width: int
    head_hidden: int
    intents: int
    soft_prompt_hidden: int
    tokens: int
    width: int


def save_bottleneck(folder: Path, config: BottleneckConfig, head: Head, soft_prompt: SoftPrompt) -> None:
    """Writes the configuration and the weights to a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / BOTTLENECK_CONFIG).write_text(
        json.dumps(asdict(config), indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    save_file({k: t.contiguous() for k, t in _tensors(head, soft_prompt).items()}, folder / _WEIGHTS)


def read_bottleneck(folder: Path) -> tuple[BottleneckConfig, Head, SoftPrompt]:
    """Reads what `save_bottleneck` wrote. Raises OSError, ValueError."""
    config = BottleneckConfig(**json.loads((folder / BOTTLENECK_CONFIG).read_text(encoding="utf-8")))
    head = Head(config.encoder_width, config.head_hidden, config.intents)
    table = torch.zeros((config.intents + 1, config.tokens, config.width))
    soft_prompt = SoftPrompt(head.width, config.soft_prompt_hidden, table)
    tensors = load_file(folder / _WEIGHTS)
    known = _tensors(head, soft_prompt)
    report = {"missing_keys": known.keys() - tensors.keys(), "unexpected_keys": tensors.keys() - known.keys()}
    require_complete(f"the bottleneck in {folder.name!r}", report, "train it again, or take the whole file")
    for module, prefix in ((head, _HEAD), (soft_prompt, _SOFT_PROMPT)):
        module.load_state_dict({k.removeprefix(prefix): t for k, t in tensors.items() if k.startswith(prefix)})
    unknown = sorted(k for k in tensors if not k.startswith((_HEAD, _SOFT_PROMPT)))
    if unknown:
        raise ValueError(f"{len(unknown)} tensors belong to no part of the model, {unknown[0]!r} among them")
    return config, head.eval(), soft_prompt.eval()


def load_bottleneck(name: str, source: str | Path, settings: Settings) -> BottleneckModel:
    """Reads a folder, and loads the language model and the encoder it was trained with. Raises OSError."""
    with told_in_one_line(
        f"model {name!r} cannot be loaded from {str(source)!r}",
        "give a folder that `python -m workers.training.bottleneck` wrote",
    ):
        config, head, soft_prompt = read_bottleneck(Path(source))
    return assemble(name, config, head, soft_prompt, _language_model(config.language_model, settings), settings)


def assemble(
    name: str,
    config: BottleneckConfig,
    head: Head,
    soft_prompt: SoftPrompt,
    language: LanguageModel,
    settings: Settings,
) -> BottleneckModel:
    """Returns the parts as one model. Raises OSError where language model or encoder are not those of the training."""
    encoder = SentenceEncoder.packaged(torch_device(settings))
    if encoder.name != config.encoder:
        raise OSError(f"model {name!r} was trained on {config.encoder}, and installed is {encoder.name}")
    # Of the weights alone: another version of the library fills in other fields of the configuration.
    loaded = weights_digest(language.network.state_dict())
    if loaded != config.language_model_digest and settings.dtype == "float32":
        raise OSError(
            f"model {name!r} was trained on {config.language_model} with weights {config.language_model_digest}, and "
            f"loaded are {loaded}: install the version it was trained on"
        )
    digest = model_digest(
        _tensors(head, soft_prompt),
        {"encoder": encoder.name, "language_model": language.identity.digest, "sizes": _sizes(config)},
    )
    return BottleneckModel(
        encoder,
        head,
        soft_prompt,
        language,
        identity=ModelIdentity(name, config.revision, digest),
        description=config.description,
        default_sigma=config.default_sigma,
        batch_sensitivity=language.batch_sensitivity,
    )


def _language_model(name: str, settings: Settings) -> LanguageModel:
    if name != "smollm2-135m":
        raise SmoothGenError(f"a bottleneck model speaks through 'smollm2-135m', not {name!r}")
    return load_smollm2(name, settings)


def _tensors(head: Head, soft_prompt: SoftPrompt) -> dict[str, Any]:
    return {
        **{_HEAD + key: tensor for key, tensor in head.state_dict().items()},
        **{_SOFT_PROMPT + key: tensor for key, tensor in soft_prompt.state_dict().items()},
    }


def _sizes(config: BottleneckConfig) -> dict[str, Any]:
    """Returns those fields of the configuration that shape the outputs. The other fields are descriptions, defaults,
    and names that are checked."""
    told = {"description", "revision", "default_sigma", "encoder", "language_model", "language_model_digest"}
    return {name: value for name, value in asdict(config).items() if name not in told}
