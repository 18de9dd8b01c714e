"""Noise that adapts to the prompt, over real processes: selected by one worker, served by others, verified."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from smoothgen import Client
from smoothgen.certificates import SigmaSelection
from smoothgen.contracts import SELECTION_DRAWS, SELECTION_PROBES, Calibration
from tests.service.conftest import finished, submit, substance
from tests.service.test_stack import smoothgen
from tests.support.processes import FASHION, SLOW, Gateway, Lab, Serve, eventually
from workers.stored.calibrations import save_calibrations

OWN_SIGMA, BUDGET = 0.25, 0.1
PROBED = SELECTION_DRAWS * (1 + SELECTION_PROBES)
SETTINGS: dict[str, Any] = {"batch_size": 16, "lease_s": 1.0}


def adaptive(prompt: str, **robustness: Any) -> dict[str, Any]:
    robustness = {"adapt": "prompt", "budget": BUDGET, "tolerance": 0.3, "samples": 200, **robustness}
    return {"model": SLOW, "prompt": prompt, "seed": 5, "robustness": robustness}


@pytest.fixture
def calibrations(tmp_path: Path) -> Path:
    """What `smoothgen calibrate` would write: twice the noise, twice the displacement."""
    sigmas = [OWN_SIGMA / 2, OWN_SIGMA, 2 * OWN_SIGMA]
    displacements = [sigma * BUDGET / OWN_SIGMA for sigma in sigmas]
    entry = Calibration(
        metric="absolute", sigmas=sigmas, displacements=displacements, prompts=1, probes=1, seed="0", parameters={}
    )
    save_calibrations(SLOW, [entry], tmp_path / "calibrations")
    return tmp_path / "calibrations"


def certified(gateway: Gateway, view: dict[str, Any]) -> dict[str, Any]:
    assert view["status"] == "succeeded", view
    assert "certificate" in view, view["abstention"]
    verdict = gateway.http.post("/certificates/verify", json=view["certificate"]).json()
    assert verdict["valid"], verdict
    return dict(view["certificate"])


def test_a_job_adapts_survives_its_workers_death_and_verifies(lab: Lab, calibrations: Path) -> None:
    gateway, first = lab.gateway(), lab.worker(SLOW, calibrations=str(calibrations), **SETTINGS)
    undisturbed = finished(gateway.http, submit(gateway.http, adaptive("1.1")))
    job = submit(gateway.http, adaptive("1.1"))
    eventually(lambda: 0 < gateway.http.get(f"/jobs/{job}").json()["progress"]["done"] < PROBED)  # it probes
    second = lab.worker(SLOW, calibrations=str(calibrations), **SETTINGS | {"batch_size": 33})
    first.kill()
    view = finished(gateway.http, job)
    certificate = certified(gateway, view)
    assert substance(certificate) == substance(undisturbed["certificate"])
    assert view["output"] == undisturbed["output"]
    assert view["usage"]["overhead"] == view["progress"]["total"] == PROBED + 32 + 200
    selection = SigmaSelection.from_dict(certificate["sigma_selection"])
    assert certificate["mechanism"] == {"name": "gaussian", "sigma": selection.sigma}
    assert selection.sigma > OWN_SIGMA  # in the tail of tanh, where outputs hardly move
    assert certificate["radius"] <= selection.radius
    assert view["lipschitz_estimate"]["certified"] is False
    assert view["lipschitz_estimate"]["points"] == SELECTION_DRAWS
    assert second.popen.poll() is None


def test_an_abstention_shows_an_uncertified_output_and_the_remedy(lab: Lab, calibrations: Path) -> None:
    gateway, _ = lab.gateway(), lab.worker(SLOW, calibrations=str(calibrations), **SETTINGS | {"batch_size": 256})
    view = finished(gateway.http, submit(gateway.http, adaptive("0.2")))
    assert view["status"] == "succeeded"
    assert "certificate" not in view
    assert view["abstention"]["reason"] == "sigma_not_placed"
    assert "adapt the noise to the model only" in view["abstention"]["detail"]
    assert view["output"]["certified"] is False
    assert view["usage"]["overhead"] == PROBED + 32
    assert view["progress"]["done"] == view["progress"]["total"] == PROBED + 32


@pytest.mark.parametrize(("method", "overhead"), [("finite-differences", 1 + SELECTION_PROBES), ("autodiff", 8)])
def test_a_picture_comes_with_an_estimate_that_calls_itself_one(served: Serve, method: str, overhead: int) -> None:
    with Client(served.url) as client:
        generation = client.generate(
            "a red sneaker",
            model=FASHION,
            num_inference_steps=2,
            samples=8,
            selection_samples=4,
            tolerance=0.3,
            lipschitz_estimate=method,
        )
    estimate = generation.lipschitz_estimate
    assert estimate is not None
    assert (estimate.method, estimate.certified) == (method, False)
    assert estimate.value is not None
    assert 0.001 < estimate.value < 10
    assert generation.usage is not None
    assert generation.usage.overhead == overhead + 12
    assert generation.verify()


def test_a_picture_adapts_to_its_prompt(served: Serve) -> None:
    with Client(served.url) as client:
        generation = client.generate(
            "a red sneaker", model=FASHION, num_inference_steps=1, samples=64, budget=0.004, adapt="prompt", seed=1
        )
    assert generation.usage is not None
    assert generation.usage.overhead >= PROBED
    assert generation.certificate is not None, generation.abstention
    assert generation.certificate.sigma_selection is not None
    assert generation.verify()


def test_the_command_line_says_that_an_estimate_is_one(served: Serve) -> None:
    made = smoothgen(
        *("generate", "a red sneaker", "--model", FASHION, "--steps", "2", "--samples", "8"),
        *("--tier", "universal", "--lipschitz-estimate", "autodiff"),
        SMOOTHGEN_URL=served.url,
    )
    assert made.returncode == 0, made.stderr
    assert "Lipschitz estimate, NOT certified: 0." in made.stdout
    assert "pixel RMSE per l2 unit of the embedding (autodiff at the prompt)" in made.stdout


def test_what_cannot_be_differentiated_is_a_problem_with_the_remedy(served: Serve) -> None:
    robustness = {"sigma": 1.0, "tolerance": 0.3, "lipschitz_estimate": "autodiff"}
    body = {"model": SLOW, "prompt": "0.0", "robustness": robustness}
    response = served.http.post("/generate", json=body)
    assert response.status_code == 422, response.text
    assert "cannot be differentiated; ask for lipschitz_estimate 'finite-differences'" in response.json()["detail"]
