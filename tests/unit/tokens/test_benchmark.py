"""The benchmark's smoke form: lists agree with the full matrix, in a fraction of its memory."""

from __future__ import annotations

import pytest

from benchmarks import token_neighbours


def test_the_smoke_form_agrees_with_the_full_matrix_in_less_memory(capsys: pytest.CaptureFixture[str]) -> None:
    token_neighbours.main(["--smoke"])
    lines = capsys.readouterr().out.splitlines()
    ratios = {line.split(" | ")[0]: float(line.rstrip(" |").split(" | ")[-1]) for line in lines if "500 |" in line}
    assert list(ratios) == ["| 20", "| 400"]
    assert ratios["| 400"] < 0.5  # 0.20 seen: 256 rows a token are kept, of 4,096
    assert ["100% to their own row" in line for line in lines if "snapping" in line] == [True, True]
