"""A package with a score, a metric and a generator, installed by pip beside a real worker: from POST /generate to
`verify`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from smoothgen import Client
from tests.service.conftest import finished, submit
from tests.service.test_stack import smoothgen
from tests.support import plugins
from tests.support.processes import TANH, Gateway, Lab, Worker

WORDS = {"name": "plugin", "plugin": "words-apart"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    plugins.pip_install(plugins.EXAMPLES, folder)
    return folder


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, site: Path) -> Iterator[Gateway]:
    """A gateway without the package, and a worker with it."""
    lab = Lab(tmp_path_factory.mktemp("lab"))
    gateway = lab.gateway()
    lab.worker(TANH, "plugin:thermostat", 'warm=plugin:thermostat:{"threshold": 25}', site=site)
    yield gateway
    lab.close()


def body(model: str = "plugin:thermostat", prompt: str = "16", **robustness: Any) -> dict[str, Any]:
    robustness = {"samples": 200, "metric": WORDS, "tolerance": 0.6, **robustness}
    return {"model": model, "prompt": prompt, "seed": 7, "robustness": robustness}


def card(http: httpx2.Client, model: str) -> dict[str, Any]:
    return next(card for card in http.get("/models").json()["data"] if card["id"] == model)


def test_the_models_and_what_they_offer_are_listed(gateway: Gateway) -> None:
    shown = card(gateway.http, "plugin:thermostat")
    assert shown["description"] == "reads a temperature and says whether it heats"
    assert shown["revision"] == "smoothgen-example-plugins 1.0"
    assert {"name": "plugin:words-apart", "diameter": 1.0}.items() <= shown["metrics"][-1].items()
    assert "plugin:polite" in shown["scores"]
    assert card(gateway.http, "warm")["digest"] != shown["digest"]


def test_all_three_in_one_certificate(gateway: Gateway) -> None:
    claim = {"score": {"name": "plugin", "plugin": "polite"}, "at_most": 0.9}
    view = finished(gateway.http, submit(gateway.http, body(claims=[claim], randomness="fresh")))
    document = view["certificate"]
    assert document["model"]["digest"] == card(gateway.http, "plugin:thermostat")["digest"]
    assert document["threat"]["attack_on"] == "plugin:temperature in degrees"
    assert document["metric"]["name"] == "plugin:words-apart"
    digests = document["metric"]["options"]["digest"], document["claims"][0]["score"]["digest"]
    assert all(re.fullmatch("sha256:[0-9a-f]{64}", digest) for digest in digests)
    assert digests[0] != digests[1]
    with Client(gateway.url) as client:
        verdict = client.generate("16", model="plugin:thermostat", metric=WORDS, tolerance=0.6, samples=200).verify()
    assert (verdict.valid, verdict.meaning) == (True, "not checked")


def test_a_claim_on_profanity_from_the_extra(gateway: Gateway) -> None:
    assert "profanity" in card(gateway.http, "plugin:thermostat")["scores"]
    claim = {"score": {"name": "profanity"}, "at_most": 0.5}
    view = finished(gateway.http, submit(gateway.http, body(claims=[claim])))
    assert view["certificate"]["claims"][0]["radius"] > 0
    assert "by classifier 'alt-profanity-check" in view["certificate"]["statement"]


def test_the_argument_reaches_the_model(gateway: Gateway) -> None:
    label = {"name": "label", "extract": {"kind": "regex", "pattern": "heat|idle"}}
    said = {
        model: finished(gateway.http, submit(gateway.http, body(model, "22", metric=label, tolerance=0.1)))["output"]
        for model in ("plugin:thermostat", "warm")
    }
    assert said["plugin:thermostat"]["text"].endswith("idle")
    assert said["warm"]["text"].endswith("heat")


def test_other_prompts_are_held_against_its_certificate(gateway: Gateway) -> None:
    job = submit(gateway.http, body())
    assert finished(gateway.http, job)["certificate"]["radius"] > 0
    near, odd = gateway.http.post(f"/certificates/{job}/covers", json={"prompts": ["16.1", "warm"]}).json()["answers"]
    assert near["comparable"]
    assert near["distance"] == pytest.approx(0.1, rel=1e-5)
    assert not odd["comparable"]
    assert "does not take this prompt" in odd["reason"]


@pytest.mark.parametrize(
    ("asked", "status", "words"),
    [
        (body(prompt="warm"), 422, "does not take this prompt"),
        (body(metric={**WORDS, "options": {"stem": True}}), 422, "options may have keep_case"),
        (body(metric={"name": "plugin", "plugin": "nobody"}), 422, "unknown metric of this model 'plugin:nobody'"),
        (body(tier="fleet", tolerance=0.6), 422, "tier 'fleet'"),
        (body(mechanism="tokens"), 422, "tokens"),
        (body(tolerance=1.5), 422, "strictly between 0 and 1.0"),
    ],
)
def test_what_they_do_not_take_is_a_clear_problem(
    gateway: Gateway, asked: dict[str, Any], status: int, words: str
) -> None:
    asked.pop("seed")
    problem = gateway.http.post("/generate", json=asked).json()
    problem = problem.get("error", problem)
    assert (problem["status"], words in problem["detail"]) == (status, True), problem


def test_the_command_line_asks_for_them(gateway: Gateway) -> None:
    models = smoothgen("models", SMOOTHGEN_URL=gateway.url)
    assert models.returncode == 0, models.stderr
    assert "plugin:thermostat" in models.stdout
    options = ("--metric", "plugin:words-apart", "--samples", "200", "--tolerance", "0.6")
    asked = smoothgen("generate", "16", "--model", "plugin:thermostat", *options, SMOOTHGEN_URL=gateway.url)
    assert asked.returncode == 0, asked.stderr
    assert "certified radius" in asked.stdout


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("    dimension = 1\n", "", "does not state dimension"),
        ("    random = True\n", "    random = False\n", "states random=False and draws"),
        ("    deterministic = True\n", "    deterministic = False\n", "states deterministic=False; it must be True"),
    ],
)
def test_a_worker_with_one_that_states_too_little_ends_and_says_so(
    tmp_path: Path, old: str, new: str, words: str
) -> None:
    code = (plugins.EXAMPLES / "thermostat.py").read_text("utf-8")
    assert old in code
    target = "thermostat:Thermostat"
    plugins.write_package(
        tmp_path / "site", code.replace(old, new), name="thermostat", target=target, group="smoothgen.generators"
    )
    redis = "redis://127.0.0.1:9/0"  # nobody is asked: the model is loaded first
    with Worker(redis, tmp_path / "log", "plugin:thermostat", site=tmp_path / "site") as worker:
        assert worker.wait(60) == 1
    assert words in worker.log
    assert "Traceback" not in worker.log
