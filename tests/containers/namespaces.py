"""Commands in Linux namespaces of their own, so that a container engine leaves nothing behind on the machine.

When the command ends, or is killed, the kernel ends every process below it and takes its mounts away; with a network
of its own, also its bridges and firewall rules.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

_OWN = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]


def isolated(command: Sequence[str], *, network: bool) -> list[str]:
    """Returns the command line that runs `command` apart. network: whether it keeps the machine's network; without it
    there is a loopback device and nothing else, so nothing it starts can reach another host."""
    if network:
        return [*_OWN, *command]
    return [*_OWN, "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh", *command]


def refused() -> str | None:
    """Returns why the kernel makes no such namespaces for this process, None where it does."""
    tried = subprocess.run(isolated(["true"], network=False), capture_output=True, text=True, check=False)
    return None if tried.returncode == 0 else tried.stderr.strip() or f"unshare ended with {tried.returncode}"


def remove_control_groups(name: str, seconds: float = 10) -> None:
    """Removes the control groups called `name`, the one thing that outlives the namespaces of a killed run. Their last
    processes may still be ending: it waits for those. Raises OSError where they do not end."""
    deadline = time.monotonic() + seconds
    for made in {*Path("/sys/fs/cgroup").glob(name), *Path("/sys/fs/cgroup").glob(f"*/{name}")}:
        for folder in [*sorted(made.rglob("*/"), reverse=True), made]:
            while folder.exists():
                try:
                    folder.rmdir()
                except OSError:
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(0.1)
