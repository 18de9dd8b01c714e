"""What tests of several folders share: markers given by folder, and real processes (tests/support/processes.py)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.processes import KIND, Lab, Redis

TESTS = Path(__file__).parent
MARKERS = {
    "unit": ("unit", "architecture", "docs", "golden", "typescript", "workers"),
    "service": ("app", "console", "security", "service"),
    "statistics": ("statistics",),
    "slow": ("benchmarks",),
}
"""The marker of every folder of tests. A test that takes long carries `slow` besides, as a decorator."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    marker_of = {folder: marker for marker, folders in MARKERS.items() for folder in folders}
    for item in items:
        if item.path.is_relative_to(TESTS):
            item.add_marker(marker_of[item.path.relative_to(TESTS).parts[0]])


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """A Redis of this test's own, and a way to start gateways and workers on it."""
    lab = Lab(tmp_path)
    yield lab
    lab.close()


@pytest.fixture(scope="session")
def shared_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    """One Redis for tests that leave it as they found it, or look only at their own keys."""
    with KIND(tmp_path_factory.mktemp("redis")) as redis:
        yield redis
