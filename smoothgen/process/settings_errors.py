"""What is wrong with settings, said without the secrets among them."""

from __future__ import annotations

import json
import re
from typing import Final

from pydantic import ValidationError

_SECRET: Final = frozenset({"api_keys", "redis_url"})
"""Settings whose values are never shown."""


def settings_detail(error: ValueError) -> str:
    """Returns one line that names every variable that cannot be read and, unless it holds secrets, its value."""
    if not isinstance(error, ValidationError):
        return _no_json(error) or " ".join(str(error).split())
    found = []
    for e in error.errors(include_url=False, include_context=False):
        if not e["loc"]:  # of several settings together, secrets among them: its message says which
            found.append(e["msg"].removeprefix("Value error, "))
            continue
        name = str(e["loc"][0])
        got = "" if name in _SECRET else f" (got {e['input']!r:.80})"
        found.append(f"SMOOTHGEN_{name.upper()}: {e['msg']}{got}")
    return "; ".join(found)


def _no_json(error: ValueError) -> str | None:
    """Returns what to say of a list that is not written as JSON; None for another error.

    pydantic-settings names the field alone. What was written is in the error of the JSON reader behind it.
    """
    field = re.match(r'error parsing value for field "(\w+)"', str(error))
    if field is None:
        return None
    name, read = field[1], error.__cause__
    got = f" (got {read.doc!r:.80})" if isinstance(read, json.JSONDecodeError) and name not in _SECRET else ""
    return f'SMOOTHGEN_{name.upper()} is a list and is written as JSON, such as ["…"]{got}'
