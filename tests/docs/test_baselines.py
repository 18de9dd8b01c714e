"""The table of docs/evaluation/baselines.md is what the rows beside it say."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.baselines import main, stored, table
from tests.support import study

PAGE = Path(__file__).parents[2] / "docs" / "evaluation" / "baselines.md"


def test_the_table_is_the_one_of_the_rows() -> None:
    assert table(stored()) in PAGE.read_text(encoding="utf-8"), "put in what `python -m benchmarks.baselines` prints"


def test_another_folder_is_printed_with_every_method_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study.store(tmp_path, [study.certificate("a", 0.2), study.certificate("a", 0.1, method="new one", ours=False)])
    main(["--folder", str(tmp_path)])
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "| model | metric | noise | SmoothGen | new one |"
    assert told[2] == "| `fashion-32` | `pixel-rmse` | σ 0.5 | 0.200 (1 of 1) | 0.100 (1 of 1) |"
    with pytest.raises(SystemExit):
        main(["--folder", str(tmp_path / "none")])


def test_every_row_says_where_it_was_measured_and_on_how_many_samples() -> None:
    rows = stored()
    assert {row.samples for row in rows} == {0, 500}
    assert {row.tolerance for row in rows} == {0.1}
    assert {row.model for row in rows} == {"fashion-32", "fashion-gan-32", "fashion-lipschitz-32"}
