"""What the commands that talk to Redis have in common."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Annotated, Final

import typer

from smoothgen.errors import SmoothGenError

RedisUrl = Annotated[
    str | None, typer.Option("--redis", envvar="SMOOTHGEN_REDIS_URL", help="The gateways' Redis.", show_envvar=True)
]
DEFAULT_REDIS: Final = "redis://127.0.0.1:6379/0"
"""The Redis of gateways and workers that are told of no other."""


def require_queue(command: str) -> None:
    """Raises SmoothGenError where the packages that talk to Redis are missing. command: as it is typed."""
    if find_spec("redis") is None:
        raise SmoothGenError(f"{command} needs the extra queue: pip install 'smoothgen[queue]'")
