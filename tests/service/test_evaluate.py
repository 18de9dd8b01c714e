"""An evaluation through a real server: the same certificates as in one process, by the command that people type."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from smoothgen.cli.main import app
from smoothgen.studies import CertificateRow, Store
from tests.support.processes import Serve
from workers.evaluation.__main__ import main

PLAN = """
name = "small"
[[models]]
name = "closed-form-tanh"
prompts = ["0.1", "0.4"]
robustness = { metric = "absolute", tolerance = 0.2, sigma = 0.5, samples = 150, selection_samples = 150 }
[[studies]]
name = "protocol"
kind = "certificates"
options = { baselines = true, output = "samples" }
settings = [{ name = "sigma 0.5" }]
[[studies]]
name = "attacks"
kind = "attacks"
settings = [{ name = "sigma 0.5" }]
"""


def rows(folder: Path) -> dict[tuple[str, ...], CertificateRow]:
    return {
        (row.study, row.model, row.prompt, row.method): row
        for finished in Store(folder)
        for row in finished.rows
        if isinstance(row, CertificateRow)
    }


def test_a_server_and_one_process_certify_alike(
    served: Serve, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text(PLAN, "utf-8")
    there, here = tmp_path / "there", tmp_path / "here"

    asked = ["evaluate", str(plan), "--out", str(there), "--server", served.url]
    told = CliRunner().invoke(app, asked)
    assert told.exit_code == 1, told.output  # the plan has tasks that no server runs
    assert "are left that need the model in the process (" in told.output
    assert "of kind attacks" in told.output
    assert "none is left" not in told.output
    told = CliRunner().invoke(app, [*asked, "--only", "certificates"])
    assert told.exit_code == 0, told.output
    assert "none is left" in told.output
    assert main([str(plan), "--out", str(here), "--only", "certificates"]) == 0

    by_server, local = rows(there), rows(here)
    assert by_server.keys() == local.keys()
    assert len(by_server) > 10
    for key, row in by_server.items():
        assert row == local[key]
    [finished] = [f for f in Store(there) if f.task.prompt == "0.1"]
    assert finished.provenance.weights.keys() == {"closed-form-tanh"}
    capsys.readouterr()
    assert main([str(plan), "--out", str(there), "--only", "certificates"]) == 0
    assert "0 tasks finished, 2 were before" in capsys.readouterr().out  # a server states the same digests


def test_one_of_server_and_local_is_asked_for(tmp_path: Path) -> None:
    told = CliRunner().invoke(app, ["evaluate", "quick", "--out", str(tmp_path)], env={"SMOOTHGEN_URL": ""})
    assert told.exit_code != 0
    assert "--local" in told.output


def test_a_server_in_the_environment_does_not_forbid_local(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from smoothgen.cli import main; main()"]
    told = subprocess.run(
        [*command, "evaluate", str(tmp_path / "no-plan.toml"), "--local", "--out", str(tmp_path / "out")],
        env=os.environ | {"SMOOTHGEN_URL": "http://127.0.0.1:9"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert told.returncode == 2
    assert "no-plan" in told.stderr
    assert "give one of" not in told.stderr
