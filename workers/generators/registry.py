"""Generators by name. Each branch imports what it needs: a closed-form worker never loads torch."""

from __future__ import annotations

from smoothgen.errors import UnknownName
from workers.generators.closed_form import SPECS, ClosedForm
from workers.generators.protocol import Generator
from workers.settings import Settings


def load_generator(name: str, settings: Settings) -> Generator:
    """Load "smollm2-135m", a closed-form model, or "name=source" with a hub name, folder or GGUF file.

    A bare hub name or folder serves under that name.
    """
    if name in SPECS:
        return ClosedForm(name)
    if name.startswith("closed-form-") and "=" not in name:  # a misspelt one, not a name on the model hub
        raise UnknownName("closed-form model", name, SPECS)
    from workers.generators import sources

    if name == "smollm2-135m":
        return sources.load_smollm2(name, settings)
    alias, _, source = name.partition("=")
    return sources.load_language_model(alias, source or alias, settings)
