"""Evaluations in one process: the rows of a plan, a sitting that is killed, and models of a folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from smoothgen.studies import CertificateRow, CostRow, Store
from workers.evaluation.__main__ import main
from workers.serving.loaded_model import LoadedModel

PLAN = """
name = "small"
[[models]]
name = "closed-form-tanh"
prompts = ["0.1", "0.2", "0.3", "0.4"]
robustness = { metric = "absolute", tolerance = 0.2, sigma = 0.5, samples = SAMPLES }
[[studies]]
name = "protocol"
kind = "certificates"
options = { baselines = true, output = "samples" }
settings = [
  { name = "sigma 0.5", robustness = { selection_samples = 200 } },
  { name = "sigma 1.0", robustness = { sigma = 1.0, lipschitz_estimate = "finite-differences" } },
]
"""


def plan(folder: Path, samples: int = 200) -> str:
    file = folder / "plan.toml"
    file.write_text(PLAN.replace("SAMPLES", str(samples)), "utf-8")
    return str(file)


@pytest.fixture(autouse=True)
def _on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMOOTHGEN_DEVICE", "cpu")


def test_a_plan_becomes_rows_of_ours_the_baselines_and_the_cost(tmp_path: Path) -> None:
    assert main([plan(tmp_path), "--out", str(tmp_path / "study")]) == 0

    finished = list(Store(tmp_path / "study"))
    assert len(finished) == 8
    for each in finished:
        rows = [row for row in each.rows if isinstance(row, CertificateRow)]
        [ours] = [row for row in rows if row.ours and row.study == "protocol"]
        assert ours.radius is not None
        assert ours.radius > 0
        assert ours.samples == 200
        assert ours.slope is not None
        by_method = {row.method: row for row in rows}
        t1, together = by_method["SmoothGen, T1 alone"], by_method["SmoothGen, T1, T2′ and T4 together"]
        assert t1.radius is not None
        assert together.radius == pytest.approx(ours.radius, rel=1e-6)
        assert t1.radius <= ours.radius
        [mean] = [row for row in rows if row.method.startswith("GAN smoothing")]
        assert mean.radius == pytest.approx(t1.radius, rel=1e-4)  # the same bound, but for the rounding slack
        [again] = [row for row in rows if row.study == "check: ideal noise"]
        assert again.radius == pytest.approx(ours.radius, rel=0.05)  # its centre is a mean, the job's a median
        [cost] = [row for row in each.rows if isinstance(row, CostRow)]
        assert cost.plain_seconds is not None
        assert cost.samples >= 232
        estimates = [row for row in rows if row.study == "estimates"]
        assert len(estimates) == (each.task.setting == "sigma 1.0")
        assert all(row.estimated and row.alpha == 0 for row in estimates)
        assert each.provenance.weights.keys() == {"closed-form-tanh"}


def test_a_sitting_that_is_killed_loses_the_task_it_was_at(tmp_path: Path) -> None:
    study, slow = tmp_path / "study", plan(tmp_path, samples=20_000)
    command = [sys.executable, "-m", "workers.evaluation", slow, "--out", str(study)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        deadline = time.monotonic() + 120
        while len(list(study.glob("tasks/*.json"))) < 2 and running.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        running.send_signal(signal.SIGKILL)
    left = {file: file.stat().st_mtime_ns for file in study.glob("tasks/*.json")}
    assert 2 <= len(left) <= 8

    assert main([slow, "--out", str(study)]) == 0

    assert len(list(Store(study))) == 8
    assert {file: file.stat().st_mtime_ns for file in left} == left
    assert main([slow, "--out", str(study)]) == 0  # nothing is left to do


def test_only_what_is_chosen_is_run_and_a_plan_without_it_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = str(tmp_path / "study")
    assert main([plan(tmp_path), "--out", study, "--only", "attacks"]) == 2
    assert "its kinds are ['certificates']" in capsys.readouterr().err
    assert main(["no-such-plan", "--out", study]) == 2
    assert "quick" in capsys.readouterr().err


ATTACKS = """[[studies]]
name = "attacks"
kind = "attacks"
options = { fresh = 1 }
settings = [{ name = "all" }]
"""


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("samples = SAMPLES", "samples = 0"), "samples: Input should be greater than or equal to 1 (got 0)"),
        (("SAMPLES }", "20 }\n" + ATTACKS.replace("fresh", "frehs")), "frehs: Extra inputs"),
        (("SAMPLES }", "20 }\n" + ATTACKS), "fresh: Input should be greater than or equal to 4 (got 1)"),
    ],
)
def test_a_task_that_cannot_be_asked_is_told_before_anything_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: tuple[str, str], said: str
) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text(PLAN.replace(*change).replace("SAMPLES", "20"), "utf-8")
    assert main([str(bad), "--out", str(tmp_path / "study")]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert "model 'closed-form-tanh'" in told
    assert not (tmp_path / "study").exists()


def test_a_changed_checkpoint_is_run_again_and_never_passes_unseen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    study = tmp_path / "study"
    command = [plan(tmp_path), "--out", str(study), "--study", "protocol"]
    assert main(command) == 0
    before = {file: file.stat().st_mtime_ns for file in study.glob("tasks/*.json")}
    of = LoadedModel.__init__

    def changed(self: LoadedModel, *given: object) -> None:
        of(self, *given)  # type: ignore[arg-type]
        self.card = self.card.model_copy(update={"digest": "sha256:other"})

    monkeypatch.setattr(LoadedModel, "__init__", changed)
    assert main(command) == 0
    said = capsys.readouterr()
    assert "8 tasks finished, 0 were before" in said.out
    assert "8 of closed-form-tanh" in said.err
    assert all(file.stat().st_mtime_ns > then for file, then in before.items())
    assert {one.weights for one in Store(study).judged()} == {"sha256:other"}
