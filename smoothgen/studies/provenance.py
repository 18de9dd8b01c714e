"""Where rows come from: the command, the revision of the code, the machine."""

from __future__ import annotations

import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Final

from smoothgen import __version__
from smoothgen.process.cores import available_cores
from smoothgen.studies.rows import Provenance

_ROOT: Final = Path(__file__).parents[2]
_GIT_S: Final = 20


def provenance(*, seed: int, seconds: float, weights: Mapping[str, str], accelerator: str | None = None) -> Provenance:
    """Returns the provenance of rows measured by this process until now. accelerator: in words, None without one."""
    return Provenance(
        command=command(),
        revision=revision(),
        seed=seed,
        seconds=round(seconds, 3),
        finished_at=datetime.now(UTC).isoformat(timespec="seconds"),
        machine=machine() if accelerator is None else f"{machine()}, {accelerator}",
        weights=dict(weights),
    )


@cache
def command() -> str:
    """Returns what was typed, as far as a process can know it: the module or script and its arguments."""
    named = os.environ.get("SMOOTHGEN_COMMAND")
    if named is not None:
        return named
    main = getattr(sys.modules.get("__main__"), "__spec__", None)
    first = f"python -m {main.name.removesuffix('.__main__')}" if main is not None else Path(sys.argv[0]).name
    return shlex.join([*first.split(), *sys.argv[1:]])


@cache
def revision() -> str:
    """Returns the commit of the code, with "+" where tracked files differ from it; the version outside a checkout."""
    head = _git("rev-parse", "--short", "HEAD")
    if head is None:
        return f"version {__version__}"
    return head + ("+" if _git("status", "--porcelain", "--untracked-files=no") else "")


@cache
def machine() -> str:
    """Returns cores and processor in words."""
    return f"{available_cores()} cores of {_processor()}, {platform.system()}"


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(  # noqa: S603
            ["git", "-C", str(_ROOT), *arguments],  # noqa: S607
            capture_output=True,
            text=True,
            timeout=_GIT_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
