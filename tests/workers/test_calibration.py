"""Calibration: the noise level of a budget, measured on public prompts and blind to the request's own."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smoothgen.contracts import Absolute, Calibration, TextParameters
from smoothgen.errors import InvalidBudget
from smoothgen.noise import Seed
from tests.support.workers.jobs import Measures, Recorded
from tests.support.workers.settings import CPU
from workers.distances import output_metric
from workers.generators import Generator
from workers.generators.closed_form import ClosedForm
from workers.research.calibrate import calibrate, main
from workers.serving.loaded_model import Encoders, LoadedModel
from workers.stored.calibrations import load_calibrations, save_calibrations

ABSOLUTE = Absolute(name="absolute")
MEAN_OF_A_HALF_NORMAL = (2 / np.pi) ** 0.5


def calibrated(generator: Generator, prompts: list[str], sigmas: list[float], probes: int = 400) -> Calibration:
    [calibration] = calibrate(
        generator,
        [output_metric(ABSOLUTE, Measures())],
        prompts,
        sigmas=sigmas,
        probes=probes,
        parameters=TextParameters(),
        seed=Seed.from_client(0),
        batch_size=10_000,
    )
    return calibration


def some(displacements: list[float]) -> Calibration:
    return Calibration(
        metric="edit",
        sigmas=[0.01 * 2**k for k in range(len(displacements))],
        displacements=displacements,
        prompts=1,
        probes=1,
        seed="0",
        parameters={},
    )


increasing = st.lists(st.integers(1, 1000), min_size=2, max_size=8, unique=True).map(
    lambda thousandths: [k / 1000 for k in sorted(thousandths)]
)


def test_sigma_times_sensitivity_is_the_budget_where_the_model_is_linear():
    # Near 0, tanh(2x)/2 has slope 1: the mean displacement is σ·√(2/π).
    calibration = calibrated(ClosedForm("closed-form-tanh"), ["0", "0.001", "-0.001"], [0.001, 0.002, 0.004])
    sensitivity = calibration.displacements[0] / calibration.sigmas[0]
    assert sensitivity == pytest.approx(MEAN_OF_A_HALF_NORMAL, rel=0.1)
    for budget in (1e-6, 0.0005, 0.001, 0.002):
        assert calibration.sigma_for(budget) * sensitivity == pytest.approx(budget, rel=0.1)


def test_the_budget_is_what_a_served_prompt_then_moves():
    calibration = calibrated(ClosedForm("closed-form-tanh"), ["-0.2", "0", "0.2"], [0.05, 0.1, 0.2, 0.4, 0.8])
    sigma = calibration.sigma_for(0.2)
    moved = np.abs(np.tanh(2 * (0.05 + sigma * np.random.default_rng(0).normal(size=100_000))) - np.tanh(0.1)) / 2
    assert moved.mean() == pytest.approx(0.2, rel=0.15)  # the curve is read along straight lines


def test_one_prompt_is_one_batch_with_the_same_directions_at_every_level():
    generator, sigmas = Recorded(ClosedForm("closed-form-tanh")), [0.1, 0.2, 0.4]
    calibrated(generator, ["0", "1"], sigmas, probes=5)
    assert generator.batches == [16, 16]
    unmoved, *rest = np.array(generator.noise[:16])
    assert (unmoved == 0).all()
    directions = np.array(rest).reshape(3, 5) / np.array(sigmas)[:, None]
    assert np.allclose(directions, directions[0])
    assert not np.isin(generator.noise[1:16], generator.noise[17:]).any()  # each prompt has its own


def test_outputs_that_fail_count_as_the_diameter():
    calibration = calibrated(ClosedForm("closed-form-partly-raising"), ["0"], [1e-6, 1e3])
    assert calibration.displacements[0] < 1e-5
    # Half the directions end far above 1 and fail, the others far below and move by 1/2.
    assert calibration.displacements[1] == pytest.approx(0.75, abs=0.05)


@given(increasing)
def test_sigma_grows_with_the_budget_and_without_jumps(displacements: list[float]):
    calibration = some(displacements)
    budgets = np.linspace(displacements[0] / 10, displacements[-1], 200)
    sigmas = [calibration.sigma_for(float(b)) for b in budgets]
    assert all(b >= a for a, b in pairwise(sigmas))
    for sigma, displacement in zip(calibration.sigmas, displacements, strict=True):
        for nearly in (displacement * (1 - 1e-12), displacement):
            assert calibration.sigma_for(nearly) == pytest.approx(sigma, rel=1e-3)


@pytest.mark.parametrize("budget", [0.0, -0.1, float("nan"), float("inf"), 0.5000001])
def test_a_budget_out_of_reach_is_refused_with_the_reach(budget: float):
    with pytest.raises(InvalidBudget, match=r"up to 0\.5 in metric 'edit'; ask for less, or give sigma"):
        some([0.1, 0.5, 0.4]).sigma_for(budget)


def test_calibrations_are_kept_by_model_and_metric(tmp_path: Path):
    written = [some([0.1, 0.5]), some([0.2, 0.3]).model_copy(update={"metric": "absolute"})]
    path = save_calibrations("org/some model:1", written, tmp_path)
    assert path.parent == tmp_path
    assert load_calibrations("org/some model:1", tmp_path) == {c.metric: c for c in written}
    assert load_calibrations("another", tmp_path) == {}
    assert load_calibrations("another", None) == {}


def test_a_folders_calibration_wins_over_the_shipped_one(tmp_path: Path):
    shipped = load_calibrations("smollm2-135m", None)
    assert shipped.keys() == {"sentence-chord", "edit"}
    save_calibrations("smollm2-135m", [some([0.1, 0.5])], tmp_path)
    assert load_calibrations("smollm2-135m", tmp_path) == {"edit": some([0.1, 0.5])}


@pytest.mark.parametrize("metric", ["sentence-chord", "edit"])
def test_the_shipped_calibration_reaches_from_standstill_to_saturation(metric: str):
    calibration = load_calibrations("smollm2-135m", None)[metric]
    displacements = calibration.displacements
    assert all(b >= a for a, b in pairwise(displacements))
    assert displacements[0] < 0.01 < 0.5 < displacements[-1]
    assert displacements[-1] < 1.2 * displacements[-2]
    assert calibration.prompts >= 24


def test_a_calibrated_model_says_so_on_its_card(smollm2: Generator):
    card = LoadedModel(smollm2, Encoders(CPU), CPU).card
    assert [m.name for m in card.metrics if m.calibration] == ["sentence-chord", "edit"]


def test_calibrating_a_closed_form_needs_no_torch(tmp_path: Path):
    prompts = tmp_path / "numbers.txt"
    prompts.write_text("0\n\n0.1\n-0.1\n")
    without_torch = "import sys; sys.modules['torch'] = sys.modules['transformers'] = None; "
    command = "from workers.research.calibrate import main; sys.exit(main(sys.argv[1:]))"
    arguments = ["--model", "closed-form-tanh", "--metric", "absolute", "--sigma", "0.1", "--sigma", "0.05"]
    arguments += ["--prompts", str(prompts), "--output", str(tmp_path / "out")]
    done = subprocess.run(
        [sys.executable, "-c", without_torch + command, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "absolute: median displacement over 3 prompts" in done.stdout
    [entry] = json.loads((tmp_path / "out" / "closed-form-tanh.json").read_text())
    assert entry["sigmas"] == [0.05, 0.1]
    assert load_calibrations("closed-form-tanh", tmp_path / "out")["absolute"].sigma_for(0.01) > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "closed-form-tanh"], "takes a number"),  # the default prompts are sentences
        (["--model", "closed-form-tanh"], "give prompts that it takes with --prompts FILE, one a line"),
        (["--model", "closed-form-warm"], "--model closed-form-warm=SOURCE"),
        (["--model", "closed-form-tanh", "--metric", "unheard-of"], "unheard-of"),
        (["--model", "closed-form-tanh", "--prompts", "/no/such/file"], "/no/such/file"),
        (["--model", "closed-form-tanh", "--prompts", "/dev/null"], "holds no prompts"),
    ],
)
def test_a_calibration_that_cannot_be_made_is_one_clear_line(arguments, message, tmp_path, capsys):
    assert main([*arguments, "--output", str(tmp_path)]) == 1
    line = capsys.readouterr().err.splitlines()[-1]  # progress bars before it
    assert line.startswith("calibrate: ")
    assert message in line
    assert list(tmp_path.iterdir()) == []
