"""Generators by name. Each branch imports what it needs: a closed-form worker never loads torch."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from smoothgen.certificates.meaning.quoting import PLUGIN
from smoothgen.errors import UnknownName
from workers.generators.closed_form import SPECS, ClosedForm
from workers.generators.folders import BOTTLENECK_CONFIG, GAN_CONFIG, LIPSCHITZ_CONFIG, SHIPPED
from workers.generators.protocol import Generator
from workers.settings import Settings

SMOLLM2: Final = "smollm2-135m"


def known_names() -> set[str]:
    """Returns the names of the models that need no hub and no folder of the operator's."""
    return {*SPECS, SMOLLM2, *(folder.name for folder in SHIPPED.iterdir() if folder.is_dir())}


def load_generator(name: str, settings: Settings) -> Generator:
    """Loads a model by its name: "smollm2-135m", a folder of SHIPPED ("fashion-32"), a closed-form model, or
    "name=source" with a hub name, folder, GGUF file, or "plugin:" and the name of an installed plug-in.

    A bare hub name or folder serves under that name. A source with a model_index.json is a diffusers pipeline. A source
    with a lipschitz.json is a picture network with a proven constant; one with a gan.json, that of a conditional GAN. A
    source with a bottleneck.json is a language model that reads its prompt through a few noised numbers. Raises
    UnknownName, InvalidPlugin, OSError.
    """
    if name in SPECS:
        return ClosedForm(name)
    if name.startswith("closed-form-") and "=" not in name:  # a misspelt one, not a name on the model hub
        raise UnknownName("closed-form model", name, SPECS)
    known = known_names()
    alias, equals, source = name.partition("=")
    if (written := source or alias).startswith(PLUGIN):
        from workers.generators.plugin import load_plugged_model

        return load_plugged_model(alias, written, known)
    if equals or name not in known:
        from workers.loading.hub import require_source

        require_source(alias, source or alias, known)
    from workers.generators.language import loading

    if name == SMOLLM2:
        return loading.load_smollm2(name, settings)
    source = source or alias
    if not equals and (SHIPPED / name).is_dir():
        source = str(SHIPPED / name)
    if (Path(source) / LIPSCHITZ_CONFIG).is_file():
        from workers.generators.lipschitz import load_lipschitz

        return load_lipschitz(alias, source, settings)
    if (Path(source) / GAN_CONFIG).is_file():
        from workers.generators.gan import load_gan

        return load_gan(alias, source, settings)
    if (Path(source) / BOTTLENECK_CONFIG).is_file():
        from workers.generators.bottleneck import load_bottleneck

        return load_bottleneck(alias, source, settings)
    if (Path(source) / "model_index.json").is_file() or not Path(source).exists():
        from workers.generators.diffusion import is_pipeline, load_diffusion

        if is_pipeline(source):
            return load_diffusion(alias, source, settings)
    return loading.load_language_model(alias, source, settings)
