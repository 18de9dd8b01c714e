"""The whole product: `smoothgen serve`, asked over HTTP, through both clients and the command line."""

from __future__ import annotations

import asyncio
import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from smoothgen import AsyncClient, Client
from smoothgen.certificates import from_document, to_document
from smoothgen.contracts import JobView
from smoothgen.errors import ServerProblem
from tests.service.conftest import ALL_MODELS, ask, finished, submit, substance
from tests.support.processes import BARE, SLOW, TANH, Serve


def smoothgen(*arguments: str | Path, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", "from smoothgen.cli import main; main()", *map(str, arguments)],
        env=BARE | environment,
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def worst(certificate: dict[str, Any]) -> int:
    """How many distances are as large as they can be."""
    evidence = from_document(certificate).evidence
    return int((evidence.distances >= evidence.bound).sum())


def test_a_generation_is_answered_with_output_and_certificate(served: Serve) -> None:
    response = served.http.post("/generate", json=ask(seed=1))
    assert response.status_code == 200
    view = response.json()
    assert view["status"] == "succeeded"
    assert view["output"]["certified"]
    assert view["progress"]["done"] == view["progress"]["total"] == view["usage"]["overhead"] == 532
    assert view["certificate"]["radius"] > 0
    assert view["certificate"]["id"] == view["id"]
    assert served.http.get(f"/certificates/{view['id']}").json() == view["certificate"]
    assert served.http.post("/certificates/verify", json=view["certificate"]).json()["valid"]


def test_the_output_is_the_one_the_certificate_names(served: Serve) -> None:
    view = served.http.post("/generate", json=ask()).json()
    output = served.http.get(f"/jobs/{view['id']}/output")
    digest = f"sha256:{hashlib.sha256(output.content).hexdigest()}"
    assert view["certificate"]["output"]["digest"] == view["output"]["digest"] == digest
    assert output.content.decode() == view["output"]["text"]
    assert output.headers["content-type"] == "text/plain; charset=utf-8"


def test_both_clients_and_http_get_one_certificate_for_one_seed(served: Serve) -> None:
    given: dict[str, Any] = {"model": TANH, "sigma": 1.0, "tolerance": 0.3, "seed": 7}
    with Client(served.url) as client:
        one = client.generate("0.0", **given)
        stored = client.certificate(one.id)

    async def asked() -> Any:
        async with AsyncClient(served.url) as client:
            return await client.generate("0.0", **given)

    two = asyncio.run(asked())
    three = served.http.post("/generate", json=ask(seed=7)).json()
    assert one.verify()
    assert two.verify()
    assert to_document(stored) == one.view.certificate
    certificates = [substance(c) for c in (one.view.certificate, two.view.certificate, three["certificate"])]
    assert certificates[0] == certificates[1] == certificates[2]
    assert one.text == two.text == three["output"]["text"]
    other = served.http.post("/generate", json=ask(seed=8)).json()
    assert other["certificate"]["evidence"] != three["certificate"]["evidence"]


def test_a_job_can_be_left_and_waited_for_later(served: Serve) -> None:
    response = served.http.post("/generate", json=ask(SLOW), headers={"prefer": "respond-async"})
    assert response.status_code == 202
    assert response.json()["status"] in ("queued", "running")
    view = served.http.get(response.headers["location"], headers={"prefer": "wait=30"}).json()
    assert view["status"] == "succeeded"


def test_progress_is_told_while_a_job_runs(served: Serve) -> None:
    seen: list[JobView] = []
    with Client(served.url) as client:
        generation = client.generate("0.0", model=SLOW, tolerance=0.3, samples=2000, on_progress=seen.append)
    done = [(view.progress.done, view.progress.total) for view in seen]
    assert done[-1] == (2032, 2032)
    assert any(0 < d < 2032 for d, _ in done)
    assert {view.id for view in seen} == {generation.id}
    assert seen[-1].status == "succeeded"


@pytest.mark.parametrize("model", ["closed-form-partly-nan", "closed-form-partly-raising"])
def test_samples_that_fail_count_as_the_worst_and_are_told(served: Serve, model: str) -> None:
    view = served.http.post("/generate", json=ask(model, prompt="-0.5", seed=3)).json()
    certificate = view["certificate"]
    # x + noise > 1 with x = -0.5 and sigma = 1: 6.7 % of 500 samples.
    assert 10 <= certificate["failed"] <= 70
    assert served.http.post("/certificates/verify", json=certificate).json()["valid"]
    clean = served.http.post("/generate", json=ask(TANH, prompt="-0.5", seed=3)).json()["certificate"]
    assert clean["failed"] == 0
    assert (worst(certificate), worst(clean)) == (certificate["failed"], 0)


def test_a_model_that_always_fails_fails_the_job_with_the_reason(served: Serve) -> None:
    response = served.http.post("/generate", json=ask("closed-form-broken"))
    assert response.status_code == 500
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert "all 32 selection samples failed" in problem["detail"]
    assert "FloatingPointError" in problem["detail"]
    view = served.http.get(problem["instance"])
    assert view.status_code == 200
    assert view.json()["status"] == "failed"
    with Client(served.url) as client, pytest.raises(ServerProblem, match="all 32 selection samples failed"):
        client.generate("0.0", model="closed-form-broken")


@pytest.mark.parametrize("prompt", ["Paris", "1e9", "nan", "½", "0x1"])
def test_a_prompt_only_the_worker_can_judge_fails_with_the_remedy(served: Serve, prompt: str) -> None:
    response = served.http.post("/generate", json=ask(prompt=prompt))
    assert response.status_code == 422
    assert "takes a number" in response.json()["detail"]
    assert "Traceback" not in response.text


@pytest.mark.parametrize(
    "robustness",
    [
        {"epsilon": 5e-324},
        {"sigma": 1e-9},
        {"sigma": 1e6},
        {"tolerance": 5e-324},
        {"tolerance": 0.9999999999999999},
        {"samples": 1},
        {"selection_samples": 1},
        {"confidence": 1e-9},
        {"confidence": 1 - 2e-12},
        {"metric": {"name": "absolute", "cap": 1e-9}, "tolerance": None},
        {"metric": {"name": "absolute", "cap": 1e300}},
        {"metric": {"name": "label", "extract": {"kind": "regex", "pattern": "(?i)[^x]{1,900}"}}},
        {"metric": {"name": "label", "extract": {"kind": "json_field", "field": "a..b"}}},
        {"metric": "edit"},
    ],
    ids=str,
)
def test_extreme_requests_end_in_a_certificate(served: Serve, robustness: dict[str, Any]) -> None:
    view = served.http.post("/generate", json=ask(**robustness)).json()
    assert view["status"] == "succeeded", view
    assert "abstention" not in view
    verdict = served.http.post("/certificates/verify", json=view["certificate"]).json()
    assert verdict["valid"], verdict


def test_a_radius_beyond_every_generator_ends_in_an_abstention(served: Serve) -> None:
    view = served.http.post("/generate", json=ask(epsilon=1e308)).json()
    assert view["status"] == "succeeded", view
    assert view["abstention"]["reason"] == "radius_out_of_reach"
    assert "certificate" not in view


def test_a_text_job_has_no_sheet_of_samples_and_says_so(served: Serve) -> None:
    view = served.http.post("/generate", json=ask()).json()
    response = served.http.get(f"/jobs/{view['id']}/samples")
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
    assert f"no sheet of samples for job '{view['id']}'; only picture jobs have one" in response.json()["detail"]


def test_the_models_are_listed_with_their_workers(served: Serve) -> None:
    listed = served.http.get("/models").json()["data"]
    assert {model["id"]: model["workers"] for model in listed} == dict.fromkeys(ALL_MODELS, 1)


def test_the_command_line_generates_and_another_process_verifies(served: Serve, tmp_path: Path) -> None:
    folder, path = tmp_path / "made", tmp_path / "made" / "certificate.json"
    asked = ["generate", "0.0", "--model", TANH, "--tolerance", "0.3", "--save", folder]
    made = smoothgen(*asked, SMOOTHGEN_URL=served.url)
    assert made.returncode == 0, made.stderr
    assert "certified radius" in made.stdout
    certificate = {"certificate.json", "certificate.jws", "curve.png"}
    assert {file.name for file in folder.iterdir()} == {"output.txt", *certificate}
    assert all(str(file) in made.stderr for file in folder.iterdir())
    written = (folder / "output.txt").read_bytes()
    assert json.loads(path.read_text())["output"]["digest"] == f"sha256:{hashlib.sha256(written).hexdigest()}"
    verdict = smoothgen("verify", path)
    assert verdict.returncode == 0
    assert "VALID" in verdict.stdout

    document = json.loads(path.read_text())
    radius = str(document["radius"])
    tampered = {
        "radius": path.read_text().replace(radius, radius[:-1] + ("1" if radius[-1] != "1" else "2"), 1),
        "samples": json.dumps(document | {"samples": document["samples"] + 1}),
        "output": json.dumps(document | {"output": document["output"] | {"digest": "sha256:" + "0" * 64}}),
        "text": "not a certificate",
        "empty": "",
    }
    for name, text in tampered.items():
        (tmp_path / f"{name}.json").write_text(text)
    verdicts = smoothgen("verify", "--json", path, *(tmp_path / f"{name}.json" for name in tampered))
    assert verdicts.returncode == 1
    assert [verdict["valid"] for verdict in json.loads(verdicts.stdout).values()] == [True] + [False] * len(tampered)
    assert "REJECTED" in smoothgen("verify", tmp_path / "radius.json").stdout
    assert "Traceback" not in verdicts.stderr


def test_the_command_line_lists_models_and_prints_json_which_it_verifies(served: Serve, tmp_path: Path) -> None:
    assert TANH in smoothgen("models", "--url", served.url).stdout
    printed = smoothgen("generate", "0.0", "--url", served.url, "--model", TANH, "--tolerance", "0.3", "--json")
    answer = json.loads(printed.stdout)
    assert answer["status"] == "succeeded"
    (tmp_path / "gen.json").write_text(printed.stdout)
    verdict = smoothgen("verify", tmp_path / "gen.json")
    assert verdict.returncode == 0
    assert f"inside the answer of job {answer['id']!r}" in verdict.stdout
    assert "VALID" in verdict.stdout


def test_the_command_line_tells_an_abstention_by_its_exit_code_and_the_job_at_once(served: Serve) -> None:
    asked = ("generate", "0.0", "--url", served.url, "--model", TANH, "--tolerance", "0.3")
    assert smoothgen(*asked).returncode == 0
    for as_json in ([], ["--json"]):
        told = smoothgen(*asked, "--epsilon", "1e300", *as_json)
        assert told.returncode == 3, told.stderr
        assert told.stderr.startswith("smoothgen: job ")
    answer = json.loads(told.stdout)
    assert answer["abstention"]["reason"] == "radius_out_of_reach"
    assert answer["id"] in told.stderr


def test_the_command_line_prints_models_and_erasures_as_json(served: Serve) -> None:
    known = json.loads(smoothgen("models", "--url", served.url, "--json").stdout)
    assert TANH in [model["id"] for model in known]
    job = submit(served.http, ask(samples=40))
    finished(served.http, job)
    assert json.loads(smoothgen("erase", job, "--url", served.url, "--json").stdout) == {"job": job, "erased": True}


def test_the_command_line_finds_nothing_to_verify_in_an_abstention(served: Serve, tmp_path: Path) -> None:
    answer = served.http.post("/generate", json=ask(epsilon=1e308))
    (tmp_path / "gen.json").write_bytes(answer.content)
    verdict = smoothgen("verify", tmp_path / "gen.json")
    assert (verdict.returncode, verdict.stdout) == (2, "")
    assert "holds no certificate, it is an abstention ('radius_out_of_reach')" in verdict.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["generate", "", "--model", TANH], "prompt"),
        (["generate", "0.0", "--model", "gpt-9"], "unknown model 'gpt-9'"),
        (["generate", "0.0", "--model", TANH, "--sigma", "-1"], "sigma"),
        (["generate", "0.0", "--model", TANH, "--sigma", "1", "--budget", "1"], "give one of them"),
        (["generate", "0.0", "--model", TANH, "--tolerance", "3"], "strictly between 0 and 1.0"),
        (["generate", "0.0", "--model", TANH, "--answer", "(?=x)"], "RE2"),
        (["verify", "no/such/file.json"], "there is no file"),
        (["verify", "/"], "is a folder"),
        (["models", "--url", "nonsense"], "http://"),
        (["models", "--url", "http://127.0.0.1:1"], "is `smoothgen serve` running?"),
    ],
)
def test_a_mistake_on_the_command_line_is_one_line_and_exit_code_2(
    served: Serve, arguments: list[str], words: str
) -> None:
    ended = smoothgen(*arguments, SMOOTHGEN_URL=served.url)
    assert ended.returncode == 2
    lines = ended.stderr.strip().splitlines()
    assert len(lines) == 1, ended.stderr
    assert lines[0].startswith("smoothgen: ")
    assert words in lines[0]


@pytest.mark.parametrize(
    ("prompt", "model", "words"),
    [("Paris", TANH, "takes a number"), ("0.0", "closed-form-broken", "all 32 selection samples failed")],
)
def test_a_job_that_fails_is_named_before_it_is_waited_for(served: Serve, prompt: str, model: str, words: str) -> None:
    ended = smoothgen("generate", prompt, "--model", model, SMOOTHGEN_URL=served.url)
    assert ended.returncode == 2
    job, error = ended.stderr.strip().splitlines()
    status = served.http.get(f"/jobs/{job.removeprefix('smoothgen: job ')}").json()["status"]
    assert status == "failed"
    assert error.startswith("smoothgen: ")
    assert words in error


def test_nothing_of_all_this_was_a_surprise(served: Serve) -> None:
    finished(served.http, submit(served.http, ask()))
    assert "Traceback" not in served.log
