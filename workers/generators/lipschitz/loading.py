"""Loads a Lipschitz picture model from a folder: lipschitz.json, network.safetensors, and where its head and classifier
lie."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from safetensors.torch import load_file

from smoothgen.certificates import ModelIdentity
from workers.generators.folders import LIPSCHITZ_CONFIG
from workers.generators.lipschitz.adapter import LipschitzModel
from workers.generators.lipschitz.network import network_of
from workers.generators.one_pass import HeadFiles
from workers.loading.broken_files import told_in_one_line
from workers.loading.complete_weights import require_complete
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
        files = HeadFiles.read(folder, config, width=network.width)
    prompting = files.prompting(name, settings)
    digest = prompting.digest(tensors, {"side": network.side})
    return LipschitzModel(
        network,
        prompting,
        identity=ModelIdentity(name, config.get("revision", "local"), digest),
        description=config.get("description", f"Lipschitz picture network {source}"),
        default_sigma=config["default_sigma"],
    )
