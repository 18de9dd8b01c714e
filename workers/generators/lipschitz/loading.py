"""Loads a Lipschitz picture model from a folder: lipschitz.json, network.safetensors, and where its head and classifier
lie."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from safetensors.torch import load_file

from smoothgen.certificates import ModelIdentity
from workers.features.picture_classifier import ClassifierNetwork, PictureClassifier
from workers.features.sentence_encoder import SentenceEncoder
from workers.generators.diffusion.pipeline_digest import judge_name
from workers.generators.diffusion.prompts import HeadPrompts
from workers.generators.diffusion.text_head import TextHead
from workers.generators.folders import LIPSCHITZ_CONFIG
from workers.generators.lipschitz.adapter import LipschitzModel
from workers.generators.lipschitz.network import network_of
from workers.generators.model_digest import model_digest
from workers.loading.broken_files import told_in_one_line
from workers.loading.complete_weights import require_complete
from workers.loading.device import torch_device
from workers.settings import Settings

WEIGHTS: Final = "network.safetensors"


def load_lipschitz(name: str, source: str | Path, settings: Settings) -> LipschitzModel:
    """Reads a folder and proves its constant. `text_head` and `judge` are paths from the folder. Raises OSError."""
    folder = Path(source)
    with told_in_one_line(
        f"model {name!r} cannot be loaded from {str(source)!r}",
        "give a folder that `python -m workers.training.lipschitz` wrote, with the text head and judge it names",
    ):
        config = json.loads((folder / LIPSCHITZ_CONFIG).read_text(encoding="utf-8"))
        tensors = load_file(folder / WEIGHTS)
        layers = sum(key.endswith(".weight") for key in tensors)
        known = {f"{k}.{part}" for k in range(layers) for part in ("weight", "style", "bias")}
        report = {"missing_keys": known - tensors.keys(), "unexpected_keys": tensors.keys() - known}
        require_complete(f"the network of model {name!r}", report, "train it again, or take the whole file")
        network = network_of({key: tensor.numpy() for key, tensor in tensors.items()}, config["side"])
        read = {f"{k}.{part}" for k in range(len(network.layers)) for part in ("weight", "style", "bias")}
        unread = sorted(set(tensors) - read)
        if unread:
            raise ValueError(f"{len(unread)} tensors belong to no layer, {unread[0]!r} among them")
        head = TextHead.load(folder / config["text_head"])
        judge = ClassifierNetwork.load(folder / config["judge"]) if "judge" in config else None
        if head.width != network.width:
            raise ValueError(f"the text head gives {head.width} numbers and the network takes {network.width}")
    device = torch_device(settings.device)
    encoder = SentenceEncoder.packaged(device)
    if encoder.name != head.config.encoder:
        raise OSError(
            f"the text head of model {name!r} was trained on {head.config.encoder}, and installed is {encoder.name}: "
            "install that version"
        )
    digest = model_digest(
        {**tensors, **{f"text_head.{key}": t for key, t in head.state_dict().items()}},
        {"encoder": encoder.name, "side": network.side, "corners": head.sizes},
    )
    classifier = None
    if judge is not None:
        classifier = PictureClassifier(judge, judge_name(judge), device)
    return LipschitzModel(
        network,
        HeadPrompts(encoder, head),
        identity=ModelIdentity(name, config.get("revision", "local"), digest),
        description=config.get("description", f"Lipschitz picture network {source}"),
        default_sigma=config["default_sigma"],
        classifier=classifier,
    )
