"""Cores a process may use, from cgroup files as Linux writes them."""

import os
from pathlib import Path

import pytest

from smoothgen.process.cores import available_cores

MASK = len(os.sched_getaffinity(0))
MUCH = f"{100_000 * (MASK + 7)} 100000"


def cores(folder: Path, own: str, files: dict[str, str]) -> int:
    for name, text in files.items():
        path = folder / "cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    (folder / "own").write_text(own + "\n")
    return available_cores(folder / "cgroup", folder / "own")


@pytest.mark.parametrize(
    ("own", "files", "expected"),
    [
        ("0::/", {"cpu.max": "100000 100000"}, 1),
        ("0::/", {"cpu.max": "max 100000"}, MASK),
        ("0::/", {"cpu.max": MUCH}, MASK),
        ("0::/", {"cpu.max": "50000 100000"}, 1),  # half a core is one thread
        ("0::/", {"cpu.max": "190000 100000"}, 1),
        # A limit above holds below.
        ("0::/a/b", {"a/cpu.max": "100000 100000", "a/b/cpu.max": "max 100000"}, 1),
        ("0::/a/b", {"a/cpu.max": "max 100000", "a/b/cpu.max": "100000 100000"}, 1),
        # The host's path, inside a container that sees only its own cgroup.
        ("0::/system.slice/docker-1.scope", {"cpu.max": "100000 100000"}, 1),
        ("4:cpu,cpuacct:/x", {f"cpu,cpuacct/x/cpu.cfs_{name}_us": "100000" for name in ("quota", "period")}, 1),
        ("1:cpu:/", {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, MASK),
        ("3:cpuset:/", {"cpu.max": "100000 100000"}, MASK),  # of a controller that limits something else
        ("", {}, MASK),
    ],
)
def test_the_smallest_limit_holds(tmp_path: Path, own: str, files: dict[str, str], expected: int) -> None:
    assert cores(tmp_path, own, files) == expected
