"""What a study publishes beside its report: certificates that anybody can verify, and one file of all rows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from smoothgen.certificates import verify
from smoothgen.cli.main import app
from smoothgen.studies import CertificateRow, Store
from smoothgen.studies.result import read_result
from workers.evaluation.__main__ import main

PLAN = """
name = "tiny"
[[models]]
name = "closed-form-tanh"
prompts = ["0.1", "0.3"]
robustness = { metric = "absolute", tolerance = 0.2, sigma = 0.5, samples = 100 }
[[studies]]
name = "protocol"
kind = "certificates"
settings = [{ name = "sigma 0.5" }, { name = "out of reach", robustness = { epsilon = 5.0 } }]
"""


def test_every_certificate_is_published_verifies_and_belongs_to_its_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMOOTHGEN_DEVICE", "cpu")
    (tmp_path / "plan.toml").write_text(PLAN)
    study = tmp_path / "study"

    assert main([str(tmp_path / "plan.toml"), "--out", str(study)]) == 0
    told = CliRunner().invoke(app, ["report", str(study)])

    assert told.exit_code == 0, told.output
    published = {path.stem: json.loads(path.read_text("utf-8")) for path in (study / "certificates").iterdir()}
    finished = {each.task.key: each for each in Store(study)}
    assert published.keys() == {key for key, each in finished.items() if each.task.setting == "sigma 0.5"}
    for key, document in published.items():
        row = next(row for row in finished[key].rows if isinstance(row, CertificateRow))
        assert verify(document)
        assert row.radius == document["radius"]
    assert {each.task.key for each in read_result(str(study / "result.json")).tasks} == finished.keys()


def test_a_study_is_held_to_thresholds_as_soon_as_it_is_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SMOOTHGEN_DEVICE", "cpu")
    (tmp_path / "plan.toml").write_text(PLAN)
    asked = tmp_path / "thresholds.toml"
    command = [str(tmp_path / "plan.toml"), "--out", str(tmp_path / "study"), "--thresholds", str(asked)]
    asked.write_text("[[certified]]\nmodel = 3")
    assert main(command) == 2
    assert not (tmp_path / "study").exists()

    asked.write_text("[[certified]]\nmodel = 'closed-form-tanh'\nradius = 0.01\nleast_share = 1.0")
    assert main(command) == 1
    told = capsys.readouterr().out
    assert "FAILED  closed-form-tanh, protocol: out of reach" in told
    assert "passed  closed-form-tanh, protocol: sigma 0.5" in told
    assert (tmp_path / "study/gate.xml").exists()
