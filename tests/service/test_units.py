"""Mechanisms passages and words through gateway, Redis and workers with a tiny language model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from itertools import combinations
from pathlib import Path
from typing import Any

import httpx2
import pytest
from typer.testing import CliRunner

from smoothgen import Client, UnitsCertificate
from smoothgen.certificates import read_certificate, verify
from smoothgen.cli.main import app
from smoothgen.contracts import NeighboursView
from tests.service.conftest import finished, submit, substance
from tests.support.processes import Gateway, Lab, Worker, eventually
from tests.support.workers import tiny

PROMPT = "the hat"
CONTEXT = [f"hat {word}" for word in ("one", "two", "ten", "six", "red", "big", "old", "new", "hot", "sad")]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    lab = Lab(tmp_path_factory.mktemp("units"))
    with closing(lab):
        yield lab


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.save(tiny.llama(), tmp_path_factory.mktemp("llama"))


@pytest.fixture(scope="module")
def worker(lab: Lab, folder: Path) -> Worker:
    return lab.worker(f"tiny={folder}")


@pytest.fixture(scope="module")
def gateway(lab: Lab, worker: Worker) -> Gateway:
    return lab.gateway()


def body(tokens: int = 4, context: list[str] | None = CONTEXT, **robustness: Any) -> dict[str, Any]:
    asked = {"metric": "edit", "tolerance": 0.9, "units": {"size": 2}, **robustness}
    made = {"model": "tiny", "prompt": PROMPT, "seed": 1, "parameters": {"max_new_tokens": tokens}, "robustness": asked}
    return made if context is None else {**made, "context": context}


def ended(http: httpx2.Client, request: dict[str, Any]) -> dict[str, Any]:
    view = finished(http, submit(http, request))
    assert view["status"] == "succeeded", view
    return view


def certificate_of(view: dict[str, Any]) -> UnitsCertificate:
    assert verify(view["certificate"]).meaning == "checked"
    made = read_certificate(view["certificate"])
    assert isinstance(made, UnitsCertificate)
    return made


def test_ten_passages_are_run_two_at_a_time(gateway: Gateway) -> None:
    view = ended(gateway.http, body())
    made = certificate_of(view)
    assert (made.choice.units, made.choice.size, made.evidence.samples, made.alpha) == (10, 2, 45, 0.0)
    assert view["output"]["certified"]
    assert (view["units"]["run"], view["units"]["subsets"], view["units"]["enumerated"]) == (45, 45, True)
    assert view["units"]["reason"] == "every run keeps 2 of 10, as the request says"
    assert (view["usage"]["samples"], view["usage"]["overhead"]) == (45, 45 + 32)
    assert gateway.http.post("/certificates/verify", json=view["certificate"]).json()["meaning"] == "checked"


def test_the_runs_can_be_read_until_they_are_erased(gateway: Gateway) -> None:
    view = ended(gateway.http, body())
    made = certificate_of(view)
    path = f"/certificates/{view['id']}"
    listed = NeighboursView.model_validate(gateway.http.get(f"{path}/neighbours").json())
    assert (listed.mechanism, listed.runs, listed.radius) == ("passages", 45, float(made.radius))
    assert [each.text for each in listed.neighbours] == [f"{a + 1}, {b + 1}" for a, b in combinations(range(10), 2)]
    assert [each.distance for each in listed.neighbours] == made.evidence.distances.tolist()
    assert {each.cost for each in listed.neighbours} == {8.0}
    assert all(each.output is not None for each in listed.neighbours)
    one = gateway.http.post(f"{path}/covers", json={"context": [*CONTEXT[:9], "a poisoned one"]}).json()
    assert (one["norm"], one["answers"][0]["altered"]) == ("number of passages that differ", 1)
    assert one["answers"][0]["w1_bound"] == made.bound_for(1).w1_bound

    assert "hat two" not in json.dumps(gateway.http.get(path).json())
    assert gateway.http.delete(f"/jobs/{view['id']}/content").status_code == 204
    erased = NeighboursView.model_validate(gateway.http.get(f"{path}/neighbours").json())
    assert (erased.words_kept, erased.neighbours[0].output, erased.neighbours[0].text) == (False, None, "1, 2")
    assert gateway.http.post(f"{path}/covers", json={"context": CONTEXT}).status_code == 404
    assert "hat two" not in gateway.http.get(f"/jobs/{view['id']}").text


def test_covers_counts_the_units_that_differ(gateway: Gateway) -> None:
    view = ended(gateway.http, body())
    made, path = certificate_of(view), f"/certificates/{view['id']}/covers"

    def answer(context: list[str]) -> dict[str, Any]:
        [one] = gateway.http.post(path, json={"context": context}).json()["answers"]
        return dict(one)

    same = answer(CONTEXT)
    assert (same["altered"], same["w1_bound"], same["inside"]) == (0, 0.0, True)
    assert answer([*CONTEXT, "another"])["altered"] == 1
    assert answer(CONTEXT[1:])["altered"] == 1
    assert answer([CONTEXT[1], CONTEXT[0], *CONTEXT[2:]])["altered"] == 2
    many = answer(["x", "y", *CONTEXT[2:]])
    assert (many["altered"], many["inside"]) == (2, made.radius >= 2)
    few = answer(CONTEXT[:2])
    assert (few["comparable"], few["altered"]) == (False, 8)
    assert "such a request is refused" in few["reason"]
    for wrong, status in (({"prompts": ["x"]}, 409), ({}, 422), ({"prompts": ["x"], "context": ["y"]}, 422)):
        assert gateway.http.post(path, json=wrong).status_code == status
    edits = ended(gateway.http, body(context=None, units=None, mechanism="tokens", samples=3))
    refused = gateway.http.post(f"/certificates/{edits['id']}/covers", json={"context": CONTEXT})
    assert refused.status_code == 409
    assert "speaks of no context" in refused.json()["detail"]


def test_a_size_that_the_server_chose_is_not_taken_for_another_number_of_passages(gateway: Gateway) -> None:
    view = ended(gateway.http, body(units=None, tolerance=0.45))
    assert view["units"]["chosen"] == "server"
    assert "the most for which 1 altered could be proven" in view["units"]["reason"]
    answers = gateway.http.post(f"/certificates/{view['id']}/covers", json={"context": CONTEXT * 3}).json()["answers"]
    assert (answers[0]["comparable"], "name units.size" in answers[0]["reason"]) == (False, True)


def test_words_of_a_prompt(gateway: Gateway) -> None:
    view = ended(gateway.http, body(context=None, mechanism="words", units={"probability": 0.5}, samples=60))
    made = certificate_of(view)
    assert made.sampled
    assert made.threat is not None
    assert (made.threat.kind, made.choice.units) == ("words", 2)
    assert made.evidence.failed > 0  # a run that keeps no word has nothing to read
    assert view["usage"]["samples"] == 4
    answers = gateway.http.post(f"/certificates/{view['id']}/covers", json={"prompts": ["the cap", "a big hat"]}).json()
    assert [each["altered"] for each in answers["answers"]] == [1, 2]


def test_a_worker_that_is_killed_in_the_middle_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, folder: Path, gateway: Gateway
) -> None:
    request = body(40, units={"size": 5})
    undisturbed = ended(gateway.http, request)
    assert undisturbed["usage"]["samples"] == 252
    lab, quick = Lab(tmp_path_factory.mktemp("killed")), {"lease_s": 0.5, "batch_size": 4}
    with closing(lab):
        first = lab.worker(f"tiny={folder}", **quick)
        http = lab.gateway().http
        job = submit(http, request)
        eventually(lambda: http.get(f"/jobs/{job}").json()["progress"]["done"] > 32)
        assert http.get(f"/jobs/{job}").json()["status"] == "running"
        second = lab.worker(f"tiny={folder}", **quick | {"batch_size": 7})
        first.kill()
        view = finished(http, job)
        assert view["status"] == "succeeded", view
        assert second.popen.poll() is None
    assert substance(view["certificate"]) == substance(undisturbed["certificate"])
    assert view["certificate"]["request"] == undisturbed["certificate"]["request"]
    assert (view["output"], view["units"]) == (undisturbed["output"], undisturbed["units"])


def test_the_client_and_the_commands_send_a_context(gateway: Gateway, tmp_path: Path) -> None:
    with Client(gateway.url) as client:
        asked: dict[str, Any] = {
            "units": {"size": 2},
            "metric": "edit",
            "tolerance": 0.9,
            "max_new_tokens": 4,
            "seed": 1,
        }
        made = client.generate(PROMPT, model="tiny", context=CONTEXT, **asked)
        assert isinstance(made.certificate, UnitsCertificate)
        assert client.covers(made.id, context=CONTEXT).answers[0].altered == 0
    listed, alone = tmp_path / "passages.json", tmp_path / "last.txt"
    listed.write_text(json.dumps(CONTEXT[:9]))
    alone.write_text(CONTEXT[9] + "\n")
    given = [f"--url={gateway.url}", "--model=tiny", "--max-new-tokens=4", "--seed=1", "--metric=edit"]
    files = [f"--context={listed}", f"--context={alone}"]
    said = CliRunner().invoke(
        app, ["generate", PROMPT, *given, *files, "--tolerance=0.9", "--unit-size=2", f"--save={tmp_path}"]
    )
    assert said.exit_code == 0, said.output
    assert "every run keeps 2 of 10" in said.output
    assert f"{made.certificate.radius} of 10 passages" in said.output
    saved = json.loads((tmp_path / "certificate.json").read_text())
    assert saved["evidence"] == made.view.certificate["evidence"]  # type: ignore[index]
    verdict = CliRunner().invoke(app, ["verify", str(tmp_path / "certificate.json")])
    assert verdict.exit_code == 0, verdict.output
    shown = CliRunner().invoke(app, ["neighbours", made.id, "--url", gateway.url])
    assert shown.exit_code == 0, shown.output
    assert "1, 2" in shown.output
    covered = CliRunner().invoke(app, ["covers", made.id, "--url", gateway.url, *files])
    assert covered.exit_code == 0, covered.output
    assert "number of passages that differ" in covered.output
    nothing = CliRunner().invoke(app, ["neighbours", made.id, "--url", gateway.url, f"--plot={tmp_path / 'x.png'}"])
    assert nothing.exit_code == 2


def test_claims_on_scores_of_passages(gateway: Gateway) -> None:
    """The answer, the certificate, the verdict and the commands know the claims; a retry proves the same."""
    claims = [
        {"score": {"name": "pattern", "pattern": "qqqq"}, "of": "share", "at_most": 0.25},
        {"score": {"name": "length", "cap": 400}, "at_most": 300},
    ]
    view = ended(gateway.http, body(units={"size": 2, "altered": 1}, claims=claims, tolerance=None))
    made = certificate_of(view)
    assert (made.asks_shift, made.altered) == (False, 1)
    found, short = made.score_claims
    assert found.bound == 0.2
    assert short.bound <= 300
    assert verify(view["certificate"]).meaning == "checked"
    assert [each["holds"] for each in view["decision"]["claims"]] == [True, True]
    assert (view["decision"]["holds"], view["decision"]["wanted"]) == (True, 1)
    assert view["certificate"]["asks_shift"] is False
    again = certificate_of(ended(gateway.http, body(units={"size": 2, "altered": 1}, claims=claims, tolerance=None)))
    assert [claim.evidence for claim in again.score_claims] == [claim.evidence for claim in made.score_claims]
    tight = body(units={"size": 2, "altered": 1}, claims=[{**claims[0], "at_most": 0.1}], tolerance=None)
    plan = gateway.http.post("/plans", json=tight).json()
    assert plan["units"]["most_altered"] == 0
    assert plan["cannot"][0]["claim"] == "units.altered"
    missed = ended(gateway.http, tight)
    assert "the claim on score 'pattern' (share) is proven to" in missed["abstention"]["detail"]
    words = body(context=None, mechanism="words", units={"probability": 0.3}, samples=60, claims=claims[:1])
    drawn = certificate_of(ended(gateway.http, words))
    assert drawn.sampled
    assert drawn.score_claims[0].bound > 0
