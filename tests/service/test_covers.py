"""POST /certificates/{id}/covers through gateway, Redis and workers."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest

from smoothgen import AsyncClient, Client
from smoothgen.errors import ServerProblem
from smoothgen.queue import keys
from tests.service.conftest import ask, finished, submit
from tests.support.processes import FASHION, SLOW, TANH, Gateway, Lab, Process, Serve, eventually
from tests.support.workers import tiny
from workers.generators.closed_form import true_w1


def certified(http: httpx2.Client, body: dict[str, Any]) -> str:
    """The id of a new certificate."""
    view = finished(http, submit(http, body))
    assert "certificate" in view, view
    return str(view["id"])


def asked(http: httpx2.Client, certificate: str, *prompts: str, **more: Any) -> httpx2.Response:
    return http.post(f"/certificates/{certificate}/covers", json={"prompts": prompts, **more})


@pytest.fixture(scope="module")
def at_zero(served: Serve) -> str:
    return certified(served.http, ask(seed=3, samples=2000))


def test_the_bounds_hold_and_the_least_is_said(served: Serve, at_zero: str) -> None:
    moves = [0.05, 0.3, -1.0, 3.0]
    answer = asked(served.http, at_zero, *map(str, moves)).json()
    certificate = served.http.get(f"/certificates/{at_zero}").json()
    assert (answer["certificate"], answer["samples"], answer["confidence"]) == (at_zero, 2000, 0.999)
    assert answer["radius"] == certificate["radius"]
    assert answer["norm"] == "l2 norm of the input number"
    for move, one in zip(moves, answer["answers"], strict=True):
        assert one["comparable"]
        assert one["distance"] == pytest.approx(abs(move), rel=1e-6)
        assert one["inside"] == (one["distance"] <= answer["radius"])
        bounds = (one["ball_bound"], one["prompt_bound"], one["universal_bound"])
        assert one["w1_bound"] == min(bounds)
        for bound in bounds:
            assert true_w1(TANH, 0.0, 1.0, move) <= bound
    assert answer["answers"][2]["prompt_bound"] < answer["answers"][2]["ball_bound"]


def test_what_the_model_cannot_read_is_not_compared_and_the_rest_is(served: Serve, at_zero: str) -> None:
    odd, same = asked(served.http, at_zero, "seven", "0").json()["answers"]
    assert (odd["comparable"], "w1_bound" in odd) == (False, False)
    assert "takes a number between" in odd["reason"]
    assert (same["distance"], same["inside"], same["w1_bound"]) == (0.0, True, 0.0)


def test_more_prompts_and_more_confidence_cost(served: Serve, at_zero: str) -> None:
    alone, sure = (
        asked(served.http, at_zero, "0.5", **more).json()["answers"][0] for more in ({}, {"confidence": 0.99999})
    )
    beside = asked(served.http, at_zero, "0.5", *(["odd"] * 63)).json()["answers"][0]
    assert alone["ball_bound"] == sure["ball_bound"] == beside["ball_bound"]
    assert alone["prompt_bound"] < sure["prompt_bound"]
    assert alone["prompt_bound"] < beside["prompt_bound"]


def test_a_certificate_without_samples_says_what_holds_for_any_generator(served: Serve) -> None:
    certificate = certified(served.http, ask(tier="universal"))
    [one] = asked(served.http, certificate, "0.5").json()["answers"]
    assert "prompt_bound" not in one
    assert one["w1_bound"] == one["ball_bound"] == one["universal_bound"] == pytest.approx(0.19741265, rel=1e-6)


def test_a_certificate_that_stopped_early_is_compared_with_the_samples_it_took(served: Serve) -> None:
    certificate = certified(served.http, ask(seed=4, samples=4000, epsilon=0.3, tolerance=0.3))
    answer = asked(served.http, certificate, "0.3").json()
    assert answer["samples"] < 4000
    assert true_w1(TANH, 0.0, 1.0, 0.3) <= answer["answers"][0]["w1_bound"] <= 0.3


def test_prompts_of_a_picture_model(served: Serve) -> None:
    quick = {"samples": 24, "selection_samples": 4, "tolerance": 0.3, "sigma": 0.3}
    body = {"model": FASHION, "prompt": "a red sneaker", "seed": 5, "robustness": quick}
    certificate = certified(served.http, body)
    near, far, odd = asked(served.http, certificate, "a crimson sneaker", "a blue coat", "a maroon coat").json()[
        "answers"
    ]
    assert "notes" not in near
    assert [note["code"] for note in odd["notes"]][-1] == "word_unknown"
    assert "'maroon'" in odd["notes"][-1]["detail"]
    assert near["comparable"]
    assert far["comparable"]
    assert 0 < near["distance"] < far["distance"]
    assert near["w1_bound"] <= far["w1_bound"]


def test_noise_on_the_latent_says_nothing_of_other_prompts(served: Serve) -> None:
    quick = {"samples": 2, "selection_samples": 2, "mechanism": "latent-schedule", "tolerance": 0.3}
    certificate = certified(served.http, {"model": FASHION, "prompt": "a red sneaker", "robustness": quick})
    [one] = asked(served.http, certificate, "a crimson sneaker").json()["answers"]
    assert not one["comparable"]
    assert one["reason"] == "this certificate is about the initial latent, and holds the prompt fixed"


def test_both_clients_and_the_command_line(served: Serve, at_zero: str, tmp_path: Any) -> None:
    with Client(served.url) as client:
        answer = client.covers(at_zero, ["0.5", "x"], confidence=0.99)

    async def again() -> Any:
        async with AsyncClient(served.url) as client:
            return await client.covers(at_zero, ["0.5", "x"], confidence=0.99)

    assert asyncio.run(again()) == answer
    shown = {}
    for name, option in (("table", []), ("json", ["--json"])):
        command = ["covers", at_zero, "0.5", "x", "--confidence", "0.99", *option]
        log = tmp_path / name
        with Process("-c", "from smoothgen.cli import main; main()", *command, log=log, url=served.url) as process:
            assert process.wait() == 0, process.log
            shown[name] = process.log
    assert json.loads(shown["json"]) == json.loads(answer.model_dump_json(exclude_none=True))
    assert "W1 at most" in shown["table"]
    assert "'x' is not compared" in shown["table"]


# Trouble


def test_the_request_is_kept_as_long_as_was_asked_and_without_it_nothing_is_compared(lab: Lab) -> None:
    gateway, _ = lab.gateway(), lab.worker(TANH)
    certificate = certified(gateway.http, ask(prompt="0.25") | {"retention_s": 5000})
    redis = lab.redis.client
    assert json.loads(redis.get(keys.asked(certificate)))["request"]["prompt"] == "0.25"
    assert abs(redis.ttl(keys.asked(certificate)) - 5000) <= 60
    assert redis.ttl(keys.certificate(certificate)) > 29 * 24 * 3600
    redis.delete(keys.asked(certificate))
    assert asked(gateway.http, certificate, "0.5").json()["type"].endswith("not-found")


def test_without_a_worker_there_is_an_answer_at_once(lab: Lab) -> None:
    gateway, worker = lab.gateway(), lab.worker(TANH)
    certificate = certified(gateway.http, ask())
    worker.popen.terminate()
    worker.wait()
    response = asked(gateway.http, certificate, "0.5")
    assert (response.status_code, response.headers["retry-after"]) == (503, "30")
    assert f"no worker serves model '{TANH}'" in response.json()["detail"]
    lab.worker(TANH)
    assert asked(gateway.http, certificate, "0.5").status_code == 200


def test_a_killed_worker_costs_its_clients_a_wait_and_no_more(lab: Lab) -> None:
    gateway, worker = lab.gateway(covers_wait_s=1.5), lab.worker(SLOW, batch_size=16)
    certificate = certified(gateway.http, ask(SLOW))
    worker.kill()  # it counts as live for a while
    response = asked(gateway.http, certificate, "0.5")
    assert (response.status_code, response.headers["retry-after"]) == (504, "10")
    lab.worker(SLOW)  # finds a call that nobody waits for any more, and answers the next
    eventually(lambda: lab.redis.client.llen(keys.covers_calls(SLOW)) == 0)
    assert asked(gateway.http, certificate, "0.5").status_code == 200


def test_a_replaced_model_is_a_conflict(lab: Lab) -> None:
    gateway, _ = lab.gateway(), lab.worker(TANH)
    certificate = certified(gateway.http, ask())
    card = json.loads(lab.redis.client.hget(keys.MODELS, TANH))
    lab.redis.client.hset(keys.MODELS, TANH, json.dumps(card | {"digest": "sha256:another"}))
    response = asked(gateway.http, certificate, "0.5")
    assert response.status_code == 409
    assert "sha256:another" in response.json()["detail"]


def test_a_worker_of_another_revision_says_so(lab: Lab) -> None:
    """Where gateway and certificate agree and the worker that takes the call does not: a deployment under way."""
    gateway, _ = lab.gateway(), lab.worker(TANH)
    certificate = certified(gateway.http, ask())
    redis = lab.redis.client
    document = json.loads(redis.get(keys.certificate(certificate)))
    document["model"]["digest"] = "sha256:another"
    redis.set(keys.certificate(certificate), json.dumps(document))
    card = json.loads(redis.hget(keys.MODELS, TANH))
    redis.hset(keys.MODELS, TANH, json.dumps(card | {"digest": "sha256:another"}))
    response = asked(gateway.http, certificate, "0.5")
    assert response.status_code == 409
    assert response.json()["type"].endswith("model-replaced")


def test_comparing_goes_on_beside_certification(lab: Lab) -> None:
    gateway, _ = lab.gateway(), lab.worker(SLOW, batch_size=16)
    certificate = certified(gateway.http, ask(SLOW))
    busy = submit(gateway.http, ask(SLOW, samples=3000))
    eventually(lambda: gateway.http.get(f"/jobs/{busy}").json()["progress"]["done"] > 0)
    with ThreadPoolExecutor(4) as pool:
        responses = list(pool.map(lambda x: asked(gateway.http, certificate, x), ["0.1", "0.2", "0.3", "0.4"]))
    assert [response.status_code for response in responses] == [200] * 4
    assert gateway.http.get(f"/jobs/{busy}").json()["status"] == "running"


def test_too_many_calls_are_turned_away(lab: Lab) -> None:
    gateway: Gateway = lab.gateway(covers_wait_s=1.0)
    worker = lab.worker(TANH)
    certificate = certified(gateway.http, ask())
    worker.kill()
    lab.redis.client.rpush(keys.covers_calls(TANH), *["{}"] * keys.COVERS_WAITING)
    response = asked(gateway.http, certificate, "0.5")
    assert (response.status_code, response.headers["retry-after"]) == (429, "5")
    assert lab.redis.client.llen(keys.covers_calls(TANH)) == keys.COVERS_WAITING


def test_the_client_is_told(lab: Lab) -> None:
    gateway = lab.gateway()
    with Client(gateway.url) as client, pytest.raises(ServerProblem, match="no certificate 'nothing'") as raised:
        client.covers("nothing", ["0.5"])
    assert raised.value.status == 404


# Mechanism tokens


def test_prompts_near_a_snapped_one_are_told_their_run(lab: Lab, tmp_path: Path) -> None:
    folder = tiny.save(tiny.llama(), tmp_path / "llama")
    gateway, _ = lab.gateway(), lab.worker(f"tiny={folder}")
    robustness = {"mechanism": "tokens", "samples": 100, "metric": "edit", "tolerance": 0.98}
    body = {"model": "tiny", "prompt": "the capital", "parameters": {"max_new_tokens": 4}, "robustness": robustness}
    certificate = certified(gateway.http, body)
    runs = gateway.http.get(f"/certificates/{certificate}").json()
    redis = lab.redis.client
    response = asked(gateway.http, certificate, "the capital", "the capital of", "The capital", confidence=0.9)
    assert response.status_code == 200, response.text
    answer = response.json()
    same, longer, other = answer["answers"]
    assert (answer["radius"], answer["confidence"], answer["samples"]) == (runs["radius"], 1.0, 0)
    assert (same["rank"], same["distance"], same["inside"], same["w1_bound"]) == (0, 0.0, True, 0.0)
    assert (longer["comparable"], "w1_bound" in longer) == (False, False)
    assert other["comparable"] == ("distance" in other)

    document = json.loads(redis.get(keys.certificate(certificate)))
    document["threat"]["table"] = "sha256:" + "0" * 64
    redis.set(keys.certificate(certificate), json.dumps(document))
    replaced = asked(gateway.http, certificate, "the capital")
    assert (replaced.status_code, replaced.json()["type"].endswith("model-replaced")) == (409, True)
