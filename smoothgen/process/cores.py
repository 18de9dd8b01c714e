"""How many CPU cores this process may use."""

from __future__ import annotations

import os
from pathlib import Path


def available_cores(cgroups: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> int:
    """Returns the cores of the process's affinity mask, or fewer where its cgroup (v1 or v2) has a CPU quota; at least
    1. A container with `cpus: 2.5` on a machine of 64 cores gets 2: a third thread would be stopped half of the time.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([cores, *(int(quota) for quota in _quotas(cgroups, own))]))


def _quotas(cgroups: Path, own: Path) -> list[float]:
    """Returns every quota, in cores, on the way from the process's cgroup up to the root: the smallest holds."""
    quotas = []
    for line in _read(own).splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            root = cgroups
        elif "cpu" in controllers.split(","):
            root = cgroups / controllers
        else:
            continue
        here = root / path.strip("/")
        # Inside a container the path may be the host's, which is not mounted here: the root is then its own cgroup.
        for folder in {root, here, *(parent for parent in here.parents if parent.is_relative_to(root))}:
            limit, _, period = _read(folder / "cpu.max").partition(" ")  # v2: "200000 100000", or "max 100000"
            if not period:
                limit, period = (
                    _read(folder / "cpu.cfs_quota_us"),
                    _read(folder / "cpu.cfs_period_us"),
                )  # v1: -1 is none
            if limit.isdigit() and period.isdigit() and int(period) > 0:
                quotas.append(int(limit) / int(period))
    return quotas


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
