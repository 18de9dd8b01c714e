"""What tests of several folders share: real processes, see tests/support/processes.py."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.processes import Lab, Redis


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """A Redis of this test's own, and a way to start gateways and workers on it."""
    lab = Lab(tmp_path)
    yield lab
    lab.close()


@pytest.fixture(scope="session")
def shared_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    """One Redis for tests that leave it as they found it, or look only at their own keys."""
    with Redis(tmp_path_factory.mktemp("redis")) as redis:
        yield redis
