"""Kills, hangs and stops of everything at random, under load: the short form of `make chaos`."""

from __future__ import annotations

from pathlib import Path

from tests.chaos import run


def test_no_accepted_job_is_lost_doubled_or_altered_by_trouble(tmp_path: Path) -> None:
    figures = run(150, every_s=0.5, seed=4, folder=tmp_path / "chaos")
    assert figures.sound, figures
    assert sum(figures.troubles.values()) > 5, figures  # or nothing was shown
