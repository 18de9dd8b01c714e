"""What is wrong with settings, said without the secrets among them."""

from __future__ import annotations

from typing import Final

from pydantic import ValidationError
from pydantic_settings import SettingsError

_SECRET: Final = frozenset({"api_keys", "redis_url"})
"""Settings whose values are never shown."""


def settings_detail(error: ValidationError | SettingsError) -> str:
    """Returns one line that names every variable that cannot be read and, unless it holds secrets, its value."""
    if isinstance(error, SettingsError):
        return " ".join(str(error).split())
    found = []
    for e in error.errors(include_url=False, include_context=False):
        name = str(e["loc"][0]) if e["loc"] else "settings"
        got = "" if name in _SECRET else f" (got {e['input']!r:.80})"
        found.append(f"SMOOTHGEN_{name.upper()}: {e['msg']}{got}")
    return "; ".join(found)
