"""Whether containers can be built and run on this machine."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from tests.containers.engine import CLIENT
from tests.containers.namespaces import refused

NOT_RUN = 77
"""The exit code of a check that did not take place, as Automake and others read it."""
_COMMANDS = {
    "dockerd": "docker.io",
    str(CLIENT): "docker.io",
    "debootstrap": "debootstrap",
    "unshare": "util-linux",
    "ip": "iproute2",
}
_GIB = 2**30
_LEAST_FREE = 14 * _GIB


def not_run(reason: str) -> None:
    """Says loudly that nothing was checked."""
    print(f"NOT RUN: no container was started: {reason}", file=sys.stderr, flush=True)


def why_not(folder: Path) -> str | None:
    """Returns in one sentence why nothing can be run here, None where it can. folder: where the images would lie."""
    if not sys.platform.startswith("linux"):
        return f"containers need Linux, and this is {sys.platform}."
    if os.geteuid() != 0:
        return "starting a container engine takes root; run it as root, in a virtual machine say."
    missing = {command: package for command, package in _COMMANDS.items() if shutil.which(command) is None}
    if missing:
        packages = " ".join(sorted(set(missing.values())))
        return f"there is no {', '.join(missing)}; on Debian: apt-get install --no-install-recommends {packages}."
    if (reason := refused()) is not None:
        return f"this process may not make namespaces, as inside an unprivileged container ({reason})."
    free = shutil.disk_usage(folder).free
    if free < _LEAST_FREE:
        return f"{folder} has {free / _GIB:.1f} GiB free, and {_LEAST_FREE // _GIB} are needed; name another by TMPDIR."
    return None
