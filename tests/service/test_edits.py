"""Mechanism edits through gateway, Redis and a worker with a tiny language model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import pytest
from typer.testing import CliRunner

from smoothgen import Client, EditsCertificate
from smoothgen.certificates import read_certificate, verify
from smoothgen.cli.main import app
from smoothgen.contracts import LONGEST_RETENTION_S, NeighboursView
from smoothgen.edits import EditSet, verify_with_prompt
from tests.service.conftest import finished, submit
from tests.service.test_events import events
from tests.support.processes import Gateway, Lab, Worker
from tests.support.workers import tiny

PROMPT = "the hat"
VARIANTS = ["a cap", "y" * 300]
SET = EditSet(PROMPT, ("typo", "capitals"), variants=tuple(VARIANTS))


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    lab = Lab(tmp_path_factory.mktemp("edits"))
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


def body(seed: int | None = 1, **robustness: Any) -> dict[str, Any]:
    asked: dict[str, Any] = {
        "mechanism": "edits",
        "edits": {"kinds": ["typo", "capitals"], "variants": VARIANTS},
        "metric": "edit",
        "tolerance": 0.55,
        **robustness,
    }
    made = {"model": "tiny", "prompt": PROMPT, "parameters": {"max_new_tokens": 4}, "robustness": asked}
    return made if seed is None else {**made, "seed": seed}


def ended(http: httpx2.Client, request: dict[str, Any]) -> dict[str, Any]:
    view = finished(http, submit(http, request))
    assert view["status"] == "succeeded", view
    return view


def certificate_of(view: dict[str, Any]) -> EditsCertificate:
    assert verify(view["certificate"])
    made = read_certificate(view["certificate"])
    assert isinstance(made, EditsCertificate)
    return made


def test_a_set_is_run_whole_and_every_run_can_be_read(gateway: Gateway) -> None:
    view = ended(gateway.http, body())
    made = certificate_of(view)
    assert (made.sampled, made.evidence.runs, made.evidence.failed) == (False, SET.size, 1)  # one text does not fit
    assert verify_with_prompt(view["certificate"], PROMPT, VARIANTS).meaning == "checked"
    assert gateway.http.post("/certificates/verify", json=view["certificate"]).json()["meaning"] == "checked"
    assert view["output"]["certified"]
    assert (view["usage"]["samples"], view["usage"]["overhead"]) == (SET.size, SET.size + 1)
    assert (view["progress"]["done"], view["notes"][0]["code"]) == (SET.size + 1, "truncated")

    listed = NeighboursView.model_validate(
        gateway.http.get(f"/certificates/{view['id']}/neighbours", params={"limit": 1000}).json()
    )
    assert [each.text for each in listed.neighbours] == list(SET.texts)
    assert [each.distance for each in listed.neighbours] == [
        None if d == float("inf") else d for d in made.evidence.distances.tolist()
    ]
    assert listed.changed == made.claims.broken > 0
    [first] = [each for each in listed.neighbours if each.changed][:1]
    assert view["broken_by"] == first.model_dump()
    assert (view["decision"]["holds"], view["decision"]["wanted"]) == (False, 1)
    own = view["output"]["text"]
    assert all((each.distance == 0) == (each.output == own) for each in listed.neighbours if each.output is not None)
    assert gateway.http.post(f"/certificates/{view['id']}/covers", json={"prompts": ["x"]}).status_code == 409

    assert gateway.http.delete(f"/jobs/{view['id']}/content").status_code == 204
    left = gateway.http.get(f"/jobs/{view['id']}").json()
    assert not {"output", "broken_by", "decision", "agreement"} & set(left)
    erased = gateway.http.get(f"/certificates/{view['id']}/neighbours").json()
    assert (erased["words_kept"], erased["neighbours"][0]["text"]) == (False, None)
    assert PROMPT not in json.dumps(gateway.http.get(f"/certificates/{view['id']}").json())


def test_a_job_says_how_many_texts_its_set_has_and_how_many_were_run(gateway: Gateway) -> None:
    job = submit(gateway.http, body(2))
    told = list(events(gateway, job))
    told = told[[name for name, _ in told].index("output") :]
    progress = [(data["done"], data["total"]) for name, data in told if name == "progress"]
    assert progress == sorted(progress)
    assert {total for _, total in progress} == {SET.size + 1}
    assert progress[-1][0] == SET.size + 1


def test_a_larger_set_is_sampled_by_the_servers_seed(gateway: Gateway) -> None:
    view = ended(gateway.http, body(None, samples=30, edits={"at_once": 2, "kinds": ["typo", "capitals"]}))
    made = certificate_of(view)
    both = EditSet(PROMPT, ("typo", "capitals"), at_once=2)
    assert (made.sampled, made.evidence.size, made.evidence.singles) == (True, both.size, both.singles)
    assert made.evidence.seed is not None
    assert made.evidence.seed.origin == "server"
    assert (made.alpha, made.claims.w1_bound) == (0.001, None)
    assert "no claim against an adversary" in view["certificate"]["statement"]
    listed = gateway.http.get(f"/certificates/{view['id']}/neighbours").json()
    for each in listed["neighbours"]:
        assert each["text"] == both.text_at(each["rank"] - 1)
        assert each["cost"] == (1.0 if each["rank"] <= both.singles else 2.0)


@pytest.mark.parametrize("samples", [500, 25])
def test_other_workers_give_the_same_certificate(gateway: Gateway, lab: Lab, folder: Path, samples: int) -> None:
    one = certificate_of(ended(gateway.http, body(samples=samples)))
    other = lab.worker(f"tiny={folder}", batch_size=3)
    again = certificate_of(ended(gateway.http, body(samples=samples)))
    assert (one.evidence, one.claims, one.edit_set) == (again.evidence, again.claims, again.edit_set)
    other.kill()


def test_a_text_is_in_the_certificate_where_prompts_are_kept_as_long(gateway: Gateway) -> None:
    view = ended(gateway.http, {**body(), "retention_s": LONGEST_RETENTION_S})
    made = certificate_of(view)
    assert made.texts == tuple(SET.text_at(edit.index) for edit in made.claims.broken_by)
    assert verify_with_prompt(view["certificate"], PROMPT, VARIANTS).meaning == "checked"


def test_a_set_that_cannot_be_listed_fails_the_job_and_says_why(gateway: Gateway) -> None:
    long = {"edits": {"kinds": ["typo"], "at_once": 2}}
    view = finished(gateway.http, submit(gateway.http, {**body(**long), "prompt": "word " * 1200, "parameters": {}}))
    assert view["status"] == "failed"  # the prompt does not fit the tiny model, which is found first
    empty = {"edits": {"kinds": ["typo"]}}
    view = finished(gateway.http, submit(gateway.http, {**body(**empty), "prompt": "12"}))
    assert (view["status"], view["error"]["status"]) == ("failed", 422)
    assert view["error"]["errors"][0]["pointer"] == "/robustness/edits/kinds"
    assert "the set of edits is empty" in view["error"]["detail"]


def test_a_deadline_that_comes_first_claims_nothing(gateway: Gateway) -> None:
    request = body(deadline_s=3.0, samples=20_000, edits={"kinds": ["typo"], "at_once": 2})
    request |= {"prompt": "the hats of men", "parameters": {"max_new_tokens": 60}}  # some ten thousand tokens a second
    view = ended(gateway.http, request)
    assert (view["abstention"]["reason"], view["output"]["certified"]) == ("deadline", False)
    size = EditSet("the hats of men", ("typo",), at_once=2).size
    assert f"of {size} edits were run, of which" in view["abstention"]["detail"]


def test_the_client_and_the_commands_ask_for_edits(gateway: Gateway) -> None:
    with Client(gateway.url) as client:
        made = client.generate(
            PROMPT, model="tiny", edits={"kinds": ["capitals"]}, metric="edit", max_new_tokens=4, seed=1
        )
        assert isinstance(made.certificate, EditsCertificate)
        assert client.neighbours(made.view.id).mechanism == "edits"
    asked = "--mechanism edits --edit-kind capitals --edit-kind typo --at-once 1 --metric edit --tolerance 0.55"
    given = [f"--url={gateway.url}", "--model=tiny", "--max-new-tokens=4", "--seed=1"]
    variants = [f"--variant={text}" for text in VARIANTS]
    said = CliRunner().invoke(app, ["generate", PROMPT, *given, *asked.split(), *variants])
    assert said.exit_code == 0, said.output
    assert f"all {SET.size} of the set" in said.output
    assert "edits: the model was run on edited prompts" in said.output
    shown = CliRunner().invoke(app, ["neighbours", made.view.id, "--url", gateway.url])
    assert shown.exit_code == 0, shown.output
    assert "rank: the number in the set" in shown.output


def test_claims_on_scores_of_edits(gateway: Gateway) -> None:
    claims = [
        {"score": {"name": "pattern", "pattern": "qqqq"}, "of": "share", "at_most": 0.1},
        {"score": {"name": "length", "cap": 400}, "at_most": 300},
    ]
    view = ended(gateway.http, body(claims=claims))
    made = certificate_of(view)
    assert verify_with_prompt(view["certificate"], PROMPT, VARIANTS).meaning == "checked"
    for claim in made.score_claims:
        assert (claim.kept, claim.radius, claim.scored.failed) == (SET.size - 1, 0, 1)  # one text does not fit
    assert len(view["decision"]["claims"]) == 3
    short = ended(gateway.http, body(edits={"kinds": ["capitals"]}, claims=claims, tolerance=None))
    assert [claim.radius for claim in certificate_of(short).score_claims] == [1, 1]
    assert (short["decision"]["holds"], short["decision"]["radius"]) == (True, 1)
    few = ended(gateway.http, body(None, samples=30, edits={"at_once": 2, "kinds": ["typo"]}, claims=claims))
    sampled = certificate_of(few)
    assert sampled.sampled
    assert all(0 < claim.share < 1 and claim.bound is None for claim in sampled.score_claims)
    assert not few["decision"]["holds"]
    asked = ["--mechanism=edits", "--edit-kind=capitals", "--metric=edit", "--model=tiny", "--max-new-tokens=4"]
    said = CliRunner().invoke(
        app, ["generate", PROMPT, f"--url={gateway.url}", *asked, "--seed=1", f"--claim={json.dumps(claims[1])}"]
    )
    assert said.exit_code == 0, said.output
    assert "claim 1" in said.output
    assert "up to 1 edit, proven" in " ".join(said.output.split())
