"""Two tenants on one service: what each sees of the other's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.http.admission import OPEN_PATHS
from smoothgen import Client
from smoothgen.errors import InvalidInput, ServerProblem
from smoothgen.queue import keys
from tests.app.conftest import problem_of
from tests.service.conftest import ask
from tests.support.processes import SLOW, TANH, Gateway, Lab, Process, eventually

KEYS = {"alice": "alices-key", "bob": "bobs-key"}
OWN, OTHERS, REVOKED, NONE = "the owner's", "another tenant's", "a revoked", "no"
OF_A_JOB = {
    ("get", "/jobs/{job_id}"): 200,
    ("get", "/jobs/{job_id}/events"): 200,
    ("get", "/jobs/{job_id}/output"): 200,
    ("get", "/jobs/{job_id}/outputs"): 404,  # nobody asked for all samples
    ("get", "/jobs/{job_id}/samples"): 404,  # a text has no sheet of samples
    ("get", "/certificates/{certificate_id}"): 200,
    ("get", "/certificates/{certificate_id}/signature"): 200,
    ("post", "/certificates/{certificate_id}/covers"): 200,
    ("get", "/certificates/{certificate_id}/neighbours"): 409,  # its certificate is of noise
    ("get", "/certificates/{certificate_id}/neighbours/1/picture"): 404,  # a text has no pictures
    ("get", "/ledger/{certificate_id}"): 200,
    ("delete", "/jobs/{job_id}"): 200,
    ("delete", "/jobs/{job_id}/content"): 204,
    ("get", "/v1/responses/{response_id}"): 200,
    ("post", "/v1/responses/{response_id}/cancel"): 200,
    ("delete", "/v1/responses/{response_id}"): 200,
}
"""Each route with an id, and what its owner gets."""
OF_NO_JOB = {
    ("post", "/generate"): 202,
    ("post", "/plans"): 200,
    ("post", "/certificates/verify"): 200,
    ("get", "/fleet"): 200,
    ("get", "/jobs"): 200,
    ("get", "/ledger"): 200,
    ("get", "/ledger/head"): 200,
    ("get", "/models"): 200,
    ("post", "/webhooks"): 201,
    ("get", "/webhooks"): 200,
    ("delete", "/webhooks/{webhook_id}"): 404,  # none of this id; test_webhooks.py has another tenant's
    ("post", "/webhooks/{webhook_id}/rotate"): 404,
    ("post", "/webhooks/{webhook_id}/test"): 404,
    ("get", "/v1/models"): 200,
    ("get", "/v1/models/{model}"): 200,
    ("post", "/v1/chat/completions"): 200,
    ("post", "/v1/images/generations"): 422,  # the model makes texts
    ("post", "/v1/responses"): 200,
}
OPEN = {
    ("get", "/livez"): 200,
    ("get", "/readyz"): 200,
    ("get", "/metrics"): 200,
    ("get", "/.well-known/jwks.json"): 200,
}
BODIES: dict[str, Any] = {
    "/generate": ask(samples=40),
    "/plans": ask(samples=40),
    "/certificates/verify": {},
    "/certificates/{certificate_id}/covers": {"prompts": ["0.5"]},
    "/webhooks": {"url": "https://8.8.8.8/"},
    "/webhooks/{webhook_id}/rotate": {},
    "/webhooks/{webhook_id}/test": {},
    "/v1/chat/completions": {"model": TANH, "messages": [{"role": "user", "content": "0.5"}]},
    "/v1/images/generations": {"model": TANH, "prompt": "0.5"},
    "/v1/responses": {"model": TANH, "input": "0.5", "background": True},
    "/v1/responses/{response_id}/cancel": {},
}


def headers(key: str | None) -> dict[str, str]:
    return {"prefer": "respond-async"} | ({} if key is None else {"authorization": f"Bearer {key}"})


class Service:
    """One queue and worker, a gateway that knows both keys, and one on which Alice's has been revoked."""

    def __init__(self, lab: Lab) -> None:
        named = [f"{name}:{key}" for name, key in KEYS.items()]
        folder, ledger = str(lab.folder / "signing-keys"), f"sqlite:///{lab.folder}/ledger.sqlite3"
        settings = {"signing_keys": folder, "ledger_url": ledger}
        self.lab, self.gateway = lab, lab.gateway(api_keys=named, webhooks=True, **settings)
        self.without_alice = lab.gateway(api_keys=named[1:], **settings)
        lab.worker(TANH, SLOW)

    def job(self, tenant: str = "alice", **changes: Any) -> str:
        response = self.gateway.http.post(
            "/generate",
            json=ask(samples=40) | changes,
            headers={"authorization": f"Bearer {KEYS[tenant]}", "prefer": "wait=60"},
        )
        assert response.json()["status"] == "succeeded", response.text
        return str(response.json()["id"])

    def until_recorded(self, job: str) -> None:
        """Wait for the ledger to have a job of Alice's."""
        path = f"/ledger/{job}" if job else "/ledger"
        eventually(lambda: self.gateway.http.get(path, headers=headers(KEYS["alice"])).status_code == 200)

    def call(self, whose: str, method: str, path: str, job: str = "") -> httpx2.Response:
        gateway: Gateway = self.without_alice if whose == REVOKED else self.gateway
        key = {OWN: KEYS["alice"], OTHERS: KEYS["bob"], REVOKED: KEYS["alice"], NONE: None}[whose]
        url = path.replace("{job_id}", job).replace("{certificate_id}", job).replace("{model}", TANH)
        url = url.replace("{response_id}", f"resp_{job}")
        body = {"json": BODIES[path]} if method != "get" and path in BODIES else {}
        return gateway.http.request(method.upper(), url, headers=headers(key), **body)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    lab = Lab(tmp_path_factory.mktemp("tenants"))
    with closing(lab):
        yield Service(lab)


@pytest.mark.parametrize("whose", [OWN, OTHERS, REVOKED, NONE])
@pytest.mark.parametrize("route", [*OF_A_JOB, *OF_NO_JOB, *OPEN], ids=" ".join)
def test_every_route_under_every_kind_of_key(service: Service, route: tuple[str, str], whose: str) -> None:
    job = service.job() if route in OF_A_JOB else ""
    if "ledger" in route[1]:
        service.until_recorded(job)
    response = service.call(whose, *route, job)
    expected = {
        OWN: (OF_A_JOB | OF_NO_JOB | OPEN)[route],
        OTHERS: 404 if route in OF_A_JOB else (OF_NO_JOB | OPEN).get(route),
        REVOKED: OPEN.get(route, 401),
        NONE: OPEN.get(route, 401),
    }[whose]
    assert response.status_code == expected, response.text


@pytest.mark.parametrize("whose", [OTHERS, REVOKED, NONE])
@pytest.mark.parametrize("route", OF_A_JOB, ids=" ".join)
def test_nobody_else_changes_a_job(service: Service, route: tuple[str, str], whose: str) -> None:
    job = service.job()
    before = service.lab.redis.client.get(keys.asked(job))
    assert before
    service.call(whose, *route, job)
    assert service.lab.redis.client.get(keys.asked(job)) == before


@pytest.mark.parametrize("whose", [REVOKED, NONE])  # to another tenant, a 404 repeats the id that was asked for
@pytest.mark.parametrize("route", OF_A_JOB, ids=" ".join)
def test_who_has_no_key_is_told_nothing_of_a_job(service: Service, route: tuple[str, str], whose: str) -> None:
    job = service.job()
    assert job not in service.call(whose, *route, job).text


def test_the_matrix_has_every_route_there_is(service: Service) -> None:
    document = service.gateway.http.get("/openapi.json").json()
    there_are = {(method, path) for path, methods in document["paths"].items() for method in methods}
    asked = {(method, path.replace("/1/", "/{rank}/")) for method, path in OF_A_JOB}
    assert there_are == {*asked, *OF_NO_JOB, *OPEN}
    assert {path for _, path in OPEN} <= OPEN_PATHS


def test_another_tenants_job_is_answered_as_one_that_never_was(service: Service) -> None:
    job = service.job()
    never = job[:-4] + "0000"
    for method, path in OF_A_JOB:
        theirs, none = (service.call(OTHERS, method, path, each) for each in (job, never))
        assert (theirs.status_code, theirs.text.replace(job, never)) == (404, none.text)


def test_each_tenant_has_idempotency_keys_of_its_own(service: Service) -> None:
    body, same = ask(samples=40), {"idempotency-key": "monday"}
    answers = {
        name: service.gateway.http.post("/generate", json=body, headers=headers(KEYS[name]) | same) for name in KEYS
    }
    ids = {name: answer.json()["id"] for name, answer in answers.items()}
    assert ids["alice"] != ids["bob"]
    for name in KEYS:
        again = service.gateway.http.post("/generate", json=body, headers=headers(KEYS[name]) | same)
        assert again.json()["id"] == ids[name]
    other = service.gateway.http.post("/generate", json=body | {"prompt": "0.7"}, headers=headers(KEYS["bob"]) | same)
    detail = problem_of(other, 409)["detail"]
    assert ids["bob"] in detail
    assert ids["alice"] not in detail


def test_a_replaced_key_of_the_same_name_keeps_its_jobs(service: Service) -> None:
    job = service.job()
    later = service.lab.gateway(api_keys=["alice:another-key"])
    assert later.http.get(f"/jobs/{job}", headers=headers("another-key")).status_code == 200
    unnamed = service.lab.gateway(api_keys=["another-key"])
    problem_of(unnamed.http.get(f"/jobs/{job}", headers=headers("another-key")), 404)


def test_fleet_pools_are_their_tenants_and_nobody_elses_noise_crowds_them_out(service: Service) -> None:
    for n in range(5):
        service.job("bob", robustness={"sigma": 1.0 + n / 7, "tolerance": 0.3, "tier": "fleet"})
    service.job("alice", robustness={"sigma": 1.0, "tolerance": 0.3, "tier": "fleet"})

    def pools(name: str) -> list[Any]:
        answer = service.gateway.http.get("/fleet", headers=headers(KEYS[name])).json()
        assert set(answer["uncounted"].values()) == {0}
        return [each for each in answer["data"] if each["window"].startswith("day:")]

    assert [pool["certificate"]["requests"] for pool in pools("alice")] == [1]
    assert [pool["certificate"]["requests"] for pool in pools("bob")] == [1] * 5
    text = service.gateway.http.get("/metrics").text
    assert "1.142857" not in text


def test_prompt_and_output_are_kept_as_long_as_asked_and_the_certificate_longer(service: Service) -> None:
    job, redis = service.job(retention_s=60), service.lab.redis.client
    assert 0 < redis.ttl(keys.job(job)) <= 60
    assert 0 < redis.ttl(keys.asked(job)) <= 60
    document = redis.get(keys.certificate(job))
    assert redis.ttl(keys.certificate(job)) > 29 * 24 * 3600
    assert set(json.loads(document)["request"]) == {"prompt_digest", "parameters"}
    default = service.job()
    assert 23 * 3600 < redis.ttl(keys.job(default)) <= 24 * 3600


@pytest.mark.parametrize("seconds", [0, 59, 31 * 24 * 3600, "1 h", True])
def test_a_retention_out_of_bounds_is_refused(service: Service, seconds: Any) -> None:
    response = service.gateway.http.post(
        "/generate", json=ask(samples=40) | {"retention_s": seconds}, headers=headers(KEYS["alice"])
    )
    assert problem_of(response, 422)["errors"][0]["pointer"] == "/retention_s"


def test_erased_content_is_gone_and_the_certificate_still_verifies(service: Service) -> None:
    job = service.job(prompt="0.43751234")
    output = service.call(OWN, "get", "/jobs/{job_id}/output", job).text
    assert service.call(OWN, "delete", "/jobs/{job_id}/content", job).status_code == 204
    view = service.call(OWN, "get", "/jobs/{job_id}", job).json()
    assert view["status"] == "succeeded"
    assert "output" not in view
    assert "is no longer kept" in problem_of(service.call(OWN, "get", "/jobs/{job_id}/output", job), 404)["detail"]
    document = service.call(OWN, "get", "/certificates/{certificate_id}", job).json()
    verdict = service.gateway.http.post("/certificates/verify", json=document, headers=headers(KEYS["alice"])).json()
    assert verdict["valid"]
    problem_of(service.call(OWN, "post", "/certificates/{certificate_id}/covers", job), 404)
    client = service.lab.redis.client
    eventually(lambda: [key for key in client.scan_iter("*") if "0.43751234" in all_of(client, key)] == [])
    # The certificate rests on the centre, and here the centre is the output's own number.
    held = [keys.certificate(job)]
    eventually(lambda: [key for key in client.scan_iter("*") if output in all_of(client, key)] == held)
    assert service.call(OWN, "delete", "/jobs/{job_id}/content", job).status_code == 204  # erased is erased


def all_of(client: Any, key: str) -> str:
    """All that Redis keeps under a key."""
    read = {
        "string": client.get,
        "hash": client.hgetall,
        "stream": client.xrange,
        "list": lambda k: client.lrange(k, 0, -1),
        "set": client.smembers,
        "zset": lambda k: client.zrange(k, 0, -1),
        "none": lambda _: "",
    }
    return str(read[client.type(key)](key))


def test_erasing_a_job_that_runs_cancels_it(service: Service) -> None:
    response = service.gateway.http.post("/generate", json=ask(SLOW, samples=5_000), headers=headers(KEYS["alice"]))
    job = response.json()["id"]
    assert service.call(OWN, "delete", "/jobs/{job_id}/content", job).status_code == 204
    view = service.call(OWN, "get", "/jobs/{job_id}", job).json()
    assert view["status"] == "cancelled"
    assert "output" not in view
    assert service.lab.redis.client.get(keys.backlog(SLOW)) == "0"


def test_the_client_and_the_command_line_ask_for_retention_and_erase(service: Service, tmp_path: Path) -> None:
    url = service.gateway.url
    with Client(url, api_key=KEYS["alice"]) as client:
        made = client.generate("0.0", model=TANH, samples=40, retention_s=120)
        assert 0 < service.lab.redis.client.ttl(keys.job(made.view.id)) <= 120
        client.erase(made.view.id)
        with pytest.raises(ServerProblem, match="no job"):
            client.erase(made.view.id[:-4] + "0000")
    problem_of(service.call(OWN, "get", "/jobs/{job_id}/output", made.view.id), 404)
    job = service.job("bob")
    command = ["-c", "from smoothgen.cli import main; main()", "erase", job, "--url", url, "--api-key", KEYS["bob"]]
    with Process(*command, log=tmp_path / "erase.log") as process:
        assert process.wait(60) == 0
        assert process.log == f"erased the content of {job}; where it has a certificate, that is kept\n"


def test_a_key_that_no_header_can_carry_is_refused_by_the_client(service: Service) -> None:
    with pytest.raises(InvalidInput, match="outside ASCII"):
        Client(service.gateway.url, api_key="é")
