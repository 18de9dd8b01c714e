"""kill -9 of everything at random, under load: the short form of `make chaos`."""

from __future__ import annotations

from pathlib import Path

from tests.chaos import run


def test_no_accepted_job_is_lost_doubled_or_altered_by_kills(tmp_path: Path) -> None:
    figures = run(300, kill_every_s=0.7, seed=4, folder=tmp_path / "chaos")
    assert (figures.lost, figures.doubled, figures.differing, figures.surplus) == (0, 0, 0, 0), figures
    assert sum(figures.kills.values()) > 5, figures  # or nothing was shown
