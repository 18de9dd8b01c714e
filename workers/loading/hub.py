"""Whether a model is where its name says: in a folder that can be read, in the hub's cache, or at a hub one can ask.

The hub's own client asks six times before it gives up, and speaks of hub names where a folder was meant.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Collection
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit
from urllib.request import getproxies

from huggingface_hub import constants, try_to_load_from_cache
from huggingface_hub.errors import HFValidationError

_CONNECT_S: Final = 5.0
_CONFIGS: Final = ("config.json", "model_index.json")
_MODEL_FILES: Final = (".json", ".safetensors", ".gguf", ".model", ".txt", ".jinja")


def require_source(name: str, source: str, known: Collection[str]) -> None:
    """Raises OSError, within seconds, for a source that is no readable folder or file, in no cache, and that no hub can
    be asked for.

    name: what the model is served as, the source itself where it has no other name. known: the names that need no hub.
    """
    path = Path(source)
    if path.exists():
        _require_readable(name, path)
        return
    if source.startswith(("/", ".", "~")) or path.suffix == ".gguf":
        raise OSError(
            f"model {name!r}: there is no folder or file {source!r} here; give its whole path, without ~, or the name "
            "of a hub model"
        )
    if name != source and source in known:
        raise OSError(f"model {source!r} is served under its own name only: write {source!r}, not {name}={source}")
    if not _is_cached(source) and (constants.HF_HUB_OFFLINE or not _reachable(constants.ENDPOINT)):
        raise OSError(
            f"unknown model {source!r}; known: {', '.join(sorted(known))}; other names are those of the model hub, and "
            f"{constants.ENDPOINT} cannot be reached from here; give one of the known names, or a folder"
        )


def _require_readable(name: str, path: Path) -> None:
    """Raises OSError for a file of the model that this process may not read, or that is a link to nothing."""
    files = [path]
    if path.is_dir() and _may_list(path):
        folders = [path, *(inner for inner in path.iterdir() if inner.is_dir() and _may_list(inner))]
        files = [file for folder in folders for file in sorted(folder.iterdir()) if file.suffix in _MODEL_FILES]
    for file in files:
        if not file.exists():
            raise OSError(f"model {name!r}: {file} is a link to a file that is not there; copy the whole model again")
        if not (_may_list(file) if file.is_dir() else os.access(file, os.R_OK)):
            raise OSError(f"model {name!r}: this process may not read {file}; give it the right, or move the model")


def _may_list(folder: Path) -> bool:
    return os.access(folder, os.R_OK | os.X_OK)


def _is_cached(name: str) -> bool:
    """Returns whether the hub's cache has the name. False for one that the hub would not take."""
    try:
        return any(isinstance(try_to_load_from_cache(name, file), str) for file in _CONFIGS)
    except HFValidationError:
        return False


def _reachable(address: str) -> bool:
    """Returns whether something listens at an address. A proxy is taken to reach it."""
    parts = urlsplit(address)
    if getproxies().get(parts.scheme) or parts.hostname is None:
        return True
    try:
        with socket.create_connection((parts.hostname, parts.port or 443), timeout=_CONNECT_S):
            return True
    except OSError:
        return False
