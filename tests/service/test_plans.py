"""Plans beside the jobs they are of, on real workers."""

from __future__ import annotations

import asyncio

import pytest
from typer.testing import CliRunner

from smoothgen import AsyncClient, Client
from smoothgen.cli.main import app
from smoothgen.contracts import PlanView
from tests.service.conftest import ask, finished, submit
from tests.support.processes import FASHION, TANH, Serve, eventually

FLAT = "30.0"
"""A prompt of closed-form-tanh under sigma 1 at which every output is 1 to the last digit: no sample is bad."""


def planned(serve: Serve, prompt: str = FLAT, **robustness: object) -> PlanView:
    response = serve.http.post("/plans", json=ask(TANH, prompt, **robustness))
    assert response.status_code == 200, response.text
    return PlanView.model_validate(response.json())


def radii(view: PlanView) -> list[float]:
    """What a plan tells, apart from times."""
    assert view.noise is not None
    return [each.radius for each in view.noise.expected]


def test_a_job_without_a_bad_sample_ends_as_planned(served: Serve) -> None:
    for epsilon in (1.0, 1.25):
        view = planned(served, epsilon=epsilon)
        job = finished(served.http, submit(served.http, ask(TANH, FLAT, epsilon=epsilon)))
        assert view.noise is not None
        best = view.noise.expected[0]
        assert (job["usage"]["samples"], best.stop) == (best.samples, "proven")
        assert job["certificate"]["radius"] == pytest.approx(best.radius, rel=1e-4)
        assert job["certificate"]["looks"]["sizes"] == view.looks


def test_the_least_number_of_samples_proves_it_and_one_less_is_given_up_before_the_first(served: Serve) -> None:
    view = planned(served, epsilon=1.5, tolerance=0.2)
    assert view.noise is not None
    least = view.noise.least_samples
    assert least is not None
    enough = finished(served.http, submit(served.http, ask(TANH, FLAT, epsilon=1.5, tolerance=0.2, samples=least)))
    assert enough["certificate"]["radius"] >= 1.5
    body = ask(TANH, FLAT, epsilon=1.5, tolerance=0.2, samples=least - 1)
    given_up = finished(served.http, submit(served.http, body))
    [claim] = PlanView.model_validate(served.http.post("/plans", json=body).json()).cannot
    assert given_up["usage"]["samples"] == 0
    assert given_up["abstention"]["reason"] == claim.reason
    told = "no certification sample was drawn, as the W1 bound would be "
    assert given_up["abstention"]["detail"].startswith(told)
    assert claim.detail.startswith(told)


def test_time_is_at_the_speed_that_workers_were_measured_at(served: Serve) -> None:
    finished(served.http, submit(served.http, ask(TANH, samples=2000)))
    view = eventually(lambda: (view := planned(served)).seconds is not None and view)
    assert view.samples_a_second is not None
    assert view.seconds == pytest.approx(view.generations / view.samples_a_second, abs=1e-3)
    assert view.workers >= 1
    assert view.notes is None
    assert view.noise is not None
    assert {each.seconds for each in view.noise.expected} == {view.seconds}


def test_clients_and_the_command_ask_the_same(served: Serve) -> None:
    given = {"sigma": 1.0, "tolerance": 0.3, "epsilon": 1.0}
    with Client(served.url) as client:
        view = client.plan(FLAT, model=TANH, **given)

    async def asked() -> PlanView:
        async with AsyncClient(served.url) as client:
            return await client.plan(FLAT, model=TANH, **given)

    told = radii(view)
    assert told == radii(asyncio.run(asked()))
    options = ["--sigma", "1.0", "--tolerance", "0.3", "--epsilon", "1.0", "--url", served.url]
    shown = CliRunner().invoke(app, ["plan", FLAT, "--model", TANH, *options])
    assert shown.exit_code == 0, shown.output
    assert "epsilon 1.0" in shown.output
    assert "epsilon proven" in shown.output
    as_json = CliRunner().invoke(app, ["plan", FLAT, "--model", TANH, *options, "--json"])
    assert radii(PlanView.model_validate_json(as_json.stdout)) == told


def test_a_model_need_not_be_named(served: Serve) -> None:
    with Client(served.url) as client:
        first = next(card["id"] for card in client.models() if card["workers"])
        assert client.plan("a red sneaker" if first == FASHION else "0.5").model.name == first
