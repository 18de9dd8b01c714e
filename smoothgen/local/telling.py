"""What `smoothgen serve` itself says, in the format of the logs of what it starts, which share its stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Final, Literal

import structlog
import typer

from smoothgen.process.logs import configure_logs

Level = Literal["info", "warning", "error"]
Say = Callable[[str, Level], None]
_COLOURS: Final[dict[Level, str | None]] = {"info": None, "warning": "yellow", "error": "red"}


def serve_log_format() -> str:
    """Returns SMOOTHGEN_LOG_FORMAT, or else the format of people on a terminal and of machines elsewhere. Another than
    these two is what the gateway refuses."""
    return os.environ.get("SMOOTHGEN_LOG_FORMAT", "console" if sys.stderr.isatty() else "json")


def teller(log_format: str) -> Say:
    """Returns what says one line: a JSON object, or for people "smoothgen: …" in a colour."""
    if log_format != "json":
        return lambda text, level: typer.secho(f"smoothgen: {text}", fg=_COLOURS[level], err=True)
    configure_logs("json", service="serve")
    log = structlog.get_logger("smoothgen.local.stack")
    return lambda text, level: getattr(log, level)(f"smoothgen: {text}")
