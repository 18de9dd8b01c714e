"""Commands that are modules of the servers: this process becomes the module."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import NoReturn


def become(module: str, *arguments: str, environment: Mapping[str, str]) -> NoReturn:
    """Runs a module in this process's place, so that what stops this command stops the module."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(sys.executable, [sys.executable, "-m", module, *arguments], environment)  # noqa: S606
