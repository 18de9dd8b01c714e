"""The plan "quick" from its command to its report: about three minutes on two cores."""

from __future__ import annotations

from pathlib import Path

import pytest

from smoothgen.cli.evaluate_report import reported
from smoothgen.studies import AttackRow, CertificateRow, CostRow, FidelityRow, Store
from workers.evaluation.__main__ import main


@pytest.mark.slow
def test_a_small_evaluation_has_every_kind_of_row_and_a_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMOOTHGEN_DEVICE", "cpu")

    assert main(["quick", "--out", str(tmp_path)]) == 0

    rows = [row for finished in Store(tmp_path) for row in finished.rows]
    assert {type(row) for row in rows} == {AttackRow, CertificateRow, CostRow, FidelityRow}
    certified = [row for row in rows if isinstance(row, CertificateRow)]
    assert {row.model for row in certified} == {"fashion-lipschitz-32", "smollm2-135m"}
    assert any(not row.ours for row in certified)
    assert all(row.radius > 0 for row in certified if row.ours and row.study == "protocol" and row.radius is not None)
    attacks = [row for row in rows if isinstance(row, AttackRow)]
    assert not [row for row in attacks if row.lower > row.certified]
    assert reported(tmp_path, tmp_path / "report") == 0  # 1 would say that attacks crossed certificates
    assert list((tmp_path / "report").glob("*.html"))
