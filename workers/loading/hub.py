"""Whether the model hub knows a name, asked in seconds: its own client asks six times before it gives up."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit
from urllib.request import getproxies

from huggingface_hub import constants, try_to_load_from_cache

_CONNECT_S: Final = 5.0
_CONFIGS: Final = ("config.json", "model_index.json")


def require_known_or_hub(name: str, known: Iterable[str]) -> None:
    """Raises OSError for a name without an owner that is in no cache, where the hub cannot be asked for it.

    known: the names that need no hub, for the message.
    """
    if "/" in name or any(isinstance(try_to_load_from_cache(name, file), str) for file in _CONFIGS):
        return
    if constants.HF_HUB_OFFLINE or not _reachable(constants.ENDPOINT):
        raise OSError(
            f"unknown model {name!r}; known: {', '.join(sorted(known))}; other names are those of the model hub, and "
            f"{constants.ENDPOINT} cannot be reached from here; give one of the known names, or a folder"
        )


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
