"""The table of docs/evaluation/baselines.md is what the rows beside it say."""

from __future__ import annotations

from pathlib import Path

from benchmarks.baselines import stored, table

PAGE = Path(__file__).parents[2] / "docs" / "evaluation" / "baselines.md"


def test_the_table_is_the_one_of_the_rows() -> None:
    assert table(stored()) in PAGE.read_text(encoding="utf-8"), "put in what `python -m benchmarks.baselines` prints"


def test_every_row_says_where_it_was_measured_and_on_how_many_samples() -> None:
    rows = stored()
    assert {row.samples for row in rows} == {0, 500}
    assert {row.tolerance for row in rows} == {0.1}
    assert {row.model for row in rows} == {"fashion-32", "fashion-gan-32", "fashion-lipschitz-32"}
