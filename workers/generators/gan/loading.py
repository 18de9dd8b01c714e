"""Loads the generator of a conditional GAN from a folder: gan.json, generator.safetensors, and where its head and
classifier lie."""

from __future__ import annotations

import json
from pathlib import Path

from safetensors.torch import load_file

from smoothgen.certificates import ModelIdentity
from workers.generators.folders import GAN_CONFIG
from workers.generators.gan.adapter import GanModel
from workers.generators.gan.network import SIDE, WEIGHTS, GanNetwork
from workers.generators.one_pass import HeadFiles
from workers.loading.broken_files import told_in_one_line
from workers.loading.complete_weights import require_complete
from workers.loading.device import torch_device
from workers.settings import Settings


def load_gan(name: str, source: str | Path, settings: Settings) -> GanModel:
    """Reads a folder that `workers.training.gan` wrote. `text_head` and `judge` are paths from the folder. Raises
    OSError."""
    folder = Path(source)
    with told_in_one_line(
        f"model {name!r} cannot be loaded from {str(source)!r}",
        "give a folder that `python -m workers.training.gan` wrote, with the text head and judge it names",
    ):
        config = json.loads((folder / GAN_CONFIG).read_text(encoding="utf-8"))
        tensors = load_file(folder / WEIGHTS)
        network = GanNetwork(config["width"], config["styles"])
        known = set(network.state_dict())
        report = {"missing_keys": known - tensors.keys(), "unexpected_keys": tensors.keys() - known}
        require_complete(f"the network of model {name!r}", report, "train it again, or take the whole file")
        network.load_state_dict(tensors)
        unusable = sorted(key for key, tensor in tensors.items() if not tensor.isfinite().all())
        if unusable:
            raise ValueError(f"{len(unusable)} tensors hold numbers that are not finite, {unusable[0]!r} among them")
        files = HeadFiles.read(folder, config, width=network.width)
    prompting = files.prompting(name, settings)
    digest = prompting.digest(tensors, {"class": type(network).__name__, "side": SIDE, "styles": network.styles})
    return GanModel(
        network,
        prompting,
        identity=ModelIdentity(name, config.get("revision", "local"), digest),
        description=config.get("description", f"generator of a conditional GAN {source}"),
        default_sigma=config["default_sigma"],
        device=torch_device(settings),
    )
