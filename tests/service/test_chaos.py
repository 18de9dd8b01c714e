"""Kills, hangs, stops, full disks and failovers at random, under load: the short form of `make chaos`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.running import run


@pytest.mark.parametrize("failover", [False, True], ids=["one-redis", "failover"])
def test_no_accepted_job_is_lost_doubled_or_altered_by_trouble(tmp_path: Path, failover: bool) -> None:
    figures = run(30, every_s=0.4, seed=4, folder=tmp_path / "chaos", failover=failover)
    assert figures.sound, figures
    assert figures.troubles, figures  # or nothing was shown
